"""The appendix: extrapolation, redundancy, robustness, sparsity of the directions, super-classes."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import Normalize, to_hex

from strata.claims.numbers import with_interval
from strata.config.keys import Questions
from strata.figures.parts import (
    BLUE,
    COLOURS,
    GREY,
    Drawn,
    above_r,
    band,
    by_decile,
    colour_of,
    complexity_bar,
    correlated,
    first_seed,
    mean,
    panels,
    scatter,
)
from strata.plain import on_one_line

BANDED = 5
"""Of a decile of fewer features, a line is drawn without its band."""


def a_redundancy(features: pd.DataFrame, scale: Normalize, *, settings: Questions) -> Drawn:
    """Draw complexity against redundancy, by V-information and by linear CKA.

    Parameters
    ----------
    features
        One row a feature and seed.
    scale
        Of complexity.
    settings
        The section `questions` of the configuration.
    """
    columns = {"redundancy": "V-information", "redundancy_cka": "linear CKA"}
    share = f"{100 * settings.redundancy.share:g} %"
    figure, axes = panels(2, height=3)
    for ax, (column, measure) in zip(axes, columns.items(), strict=True):
        scatter(
            ax,
            features.dropna(subset=["complexity", column]),
            x="complexity",
            y=column,
            settings=settings,
            colour=scale,
        )
        ax.set(xlabel="complexity K", ylabel=f"{measure} with {share} of the units\n/ with all units", ylim=(0, None))
        above_r(ax, measure)
    return figure, features[["seed", "feature", "complexity", *columns]]


def q1_extrapolation(
    features: pd.DataFrame, extrapolation: pd.DataFrame, *, scale: Normalize, settings: Questions
) -> Drawn:
    """Draw complexity and relative complexity against one over the number of images, by decile of complexity.

    Parameters
    ----------
    features
        One row a feature and seed, with complexity_extrapolated.
    extrapolation
        With ever more images: seed, feature, images, complexity, relative_complexity.
    scale
        Of complexity.
    settings
        The section `questions` of the configuration.
    """
    key = ["seed", "feature"]
    known = features.dropna(subset=["complexity"])
    trusted = known.dropna(subset=["complexity_extrapolated"])
    limits = trusted[key].assign(images=np.inf, complexity=trusted["complexity_extrapolated"])
    raw = pd.concat([extrapolation, limits]).drop(columns="relative_complexity")
    others = extrapolation.merge(known.drop(trusted.index)[key]).groupby("images")["complexity"].mean()
    relative = extrapolation.drop(columns="complexity")
    everywhere = relative.groupby(key)["relative_complexity"].transform("count") == relative["images"].nunique()
    shown = {
        "complexity": raw.merge(trusted[key]).rename(columns={"complexity": "value"}),
        "relative_complexity": relative[everywhere].rename(columns={"relative_complexity": "value"}),
    }
    by_measure = {
        name: by_decile(known, long, keys=["images"], column="value", settings=settings) for name, long in shown.items()
    }
    figure, axes = panels(2, height=3.2, sharey=True)
    every = extrapolation["images"].max()
    for ax, table in zip(axes, by_measure.values(), strict=True):
        for _, line in table.groupby("decile") if len(table) else ():
            colour = colour_of(line["complexity"].iloc[0], scale)
            few = line["n"] < BANDED  # whose intervals are wider than the figure
            line = line.assign(ci_low=line["ci_low"].mask(few), ci_high=line["ci_high"].mask(few))
            band(ax, every / line["images"], table=line, column="value", colour=to_hex(colour))
        parts = np.array(sorted(extrapolation["images"].unique(), reverse=True))
        ax.set_xticks([0, *every / parts], ["∞", *(f"{n:,}" for n in parts)], fontsize=6.5)
        ax.set(xlabel="images (evenly spaced in 1/n)", xlim=(every / parts[-1] + 0.2, -0.2), ylim=(-0.03, 1.03))
    if len(others):
        label = f"mean of the {len(known) - len(trusted)} that cannot be trusted"
        axes[0].plot(every / others.index, others, "o--", ms=3, color=GREY, label=label)
        axes[0].legend(loc="lower left")
    axes[0].set(ylabel="mean by decile of complexity K")
    axes[0].set_title(f"complexity K, {len(trusted)} features of {len(known)}")
    told = shown["relative_complexity"][key].drop_duplicates()
    axes[1].set_title(f"relative complexity, {len(told)} features of {len(known)}")
    complexity_bar(axes[1], scale)
    return figure, pd.concat(table.assign(measure=name) for name, table in by_measure.items())


def a_robustness(features: pd.DataFrame, robustness: pd.DataFrame, *, scale: Normalize, settings: Questions) -> Drawn:
    """Draw complexity against mean robustness, and the robustness of each of its deciles, a line a noise level.

    Parameters
    ----------
    features
        One row a feature and seed.
    robustness
        At every noise level: seed, level, feature, robustness.
    scale
        Of complexity.
    settings
        The section `questions` of the configuration.
    """
    known = features.dropna(subset=["complexity"])
    both = robustness.dropna().merge(known[["seed", "feature", "class", "complexity"]], on=["seed", "feature"])
    related = [{"level": level, **_correlation(own, "robustness", settings)} for level, own in both.groupby("level")]
    table = by_decile(known, robustness.dropna(), keys=["level"], column="robustness", settings=settings).merge(
        pd.DataFrame(related)
    )
    figure, axes = panels(2, height=3)
    scatter(
        axes[0], known.dropna(subset=["robustness"]), x="complexity", y="robustness", settings=settings, colour=scale
    )
    axes[0].set(xlabel="complexity K", ylabel="mean robustness over levels")
    above_r(axes[0], "all levels")
    lines = list(table.groupby("level"))
    for i, (level, line) in enumerate(lines):
        colour = to_hex(plt.get_cmap("cividis")(0.85 * (1 - i / max(1, len(lines) - 1))))
        value, *ends = line[["r", "r_low", "r_high"]].iloc[0]
        r = f"ρ = {with_interval(value, tuple(ends))}"
        band(axes[1], line["complexity"], table=line, column="robustness", colour=colour, label=f"σ = {level:g}: {r}")
    size = table["n"].mean()
    axes[1].set(xlabel=f"mean complexity K of a decile (n ≈ {size:.0f} features)", ylabel="mean robustness")
    axes[1].legend(loc="lower left", bbox_to_anchor=(0, 1), title="by noise level", alignment="left")
    return figure, table


def a_local(features: pd.DataFrame, scale: Normalize, *, settings: Questions) -> Drawn:
    """Draw the distribution of Hoyer sparsity, and complexity against it.

    Parameters
    ----------
    features
        One row a feature and seed.
    scale
        Of complexity.
    settings
        The section `questions` of the configuration.
    """
    sparsity = features["hoyer"].dropna()
    figure, axes = panels(2, height=2.9)
    axes[0].hist(sparsity, bins=np.linspace(0, 1, 41).tolist(), color=BLUE)
    axes[0].axvline(sparsity.median(), color="black", lw=0.8)
    axes[0].set(xlim=(0, 1), xlabel="Hoyer sparsity (0 distributed, 1 local)", ylabel="features")
    axes[0].set_title(f"median {sparsity.median():.2f}, n = {len(sparsity)}", loc="right", fontsize=7.5)
    scatter(
        axes[1],
        features.dropna(subset=["complexity", "hoyer"]),
        x="complexity",
        y="hoyer",
        settings=settings,
        colour=scale,
    )
    axes[1].set(xlabel="complexity K", ylabel="Hoyer sparsity")
    return figure, features[["seed", "feature", "complexity", "hoyer"]]


def a_superclasses(features: pd.DataFrame, superclasses: pd.DataFrame, *, settings: Questions) -> Drawn:
    """Draw the map of the first seed's dictionary by super-class, and each one's spread in it and its complexity.

    Parameters
    ----------
    features
        With their coordinates in the map, umap_x and umap_y.
    superclasses
        class, superclass.
    settings
        The section `questions` of the configuration.
    """
    own = first_seed(features).merge(superclasses, on="class")
    own = own.dropna(subset=["complexity"])
    place = ["umap_x", "umap_y"]
    around_all = np.linalg.norm(own[place] - own[place].mean(), axis=1).mean()
    centres = own.groupby("superclass")[place].transform("mean")
    own = own.assign(spread=np.linalg.norm(own[place] - centres, axis=1) / around_all)
    rows = []
    for name, members in own.groupby("superclass"):
        spread, complexity = (mean(members, column, settings=settings) for column in ("spread", "complexity"))
        values = {"spread": spread["spread"], "spread_low": spread["ci_low"], "spread_high": spread["ci_high"]}
        rows.append({"superclass": name, **complexity, **values})
    table = pd.DataFrame(rows).sort_values(["complexity", "superclass"], ignore_index=True)
    coloured = table.sort_values(["n", "superclass"], ascending=[False, True])["superclass"][: len(COLOURS)]
    colour = dict(zip(sorted(coloured), COLOURS, strict=False))
    figure, axes = plt.subplots(
        1, 3, figsize=(7, max(3.0, 1.2 + 0.14 * len(table))), gridspec_kw={"width_ratios": [1.7, 1, 1]}
    )
    for name in [*sorted(set(own["superclass"]) - colour.keys()), *colour]:
        members = own[own["superclass"] == name]
        axes[0].scatter(*members[place].to_numpy().T, s=9, lw=0, color=colour.get(name, GREY), rasterized=True)
    axes[0].set(xlabel="UMAP 1", ylabel="UMAP 2", xticks=[], yticks=[])
    axes[0].set_title(f"seed {own['seed'].iloc[0]}, n = {len(own)} features", loc="right", fontsize=7.5)
    y, colours = np.arange(len(table)), [colour.get(name, GREY) for name in table["superclass"]]
    axes[1].hlines(y, table["spread_low"], table["spread_high"], color=colours, lw=2)
    axes[1].scatter(table["spread"], y, color=colours, s=16)
    axes[2].hlines(y, table["ci_low"], table["ci_high"], color=colours, lw=2)
    axes[2].scatter(table["complexity"], y, color=colours, s=16)
    names = [f"{on_one_line(name)} ({n})" for name, n in zip(table["superclass"], table["n"], strict=True)]
    axes[1].set_yticks(y, names, fontsize=6.5)
    axes[2].set_yticks([])
    axes[1].axvline(1, color="black", lw=0.6)
    axes[1].set(xlabel="spread in the map\n(1: all features')", xlim=(0, None))
    axes[2].set(xlabel="mean complexity K")
    return figure, table


def _correlation(table: pd.DataFrame, column: str, settings: Questions) -> dict[str, float]:
    """Return Spearman's ρ of a column with complexity, and its interval."""
    e = correlated(table, x="complexity", y=column, settings=settings)
    return {"r": e.value, "r_low": e.low, "r_high": e.high}
