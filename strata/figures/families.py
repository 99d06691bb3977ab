"""Appendix: whether complexity depends on the predictive family."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from strata.claims.numbers import with_interval
from strata.config.keys import Questions
from strata.figures.parts import BLUE, ORANGE, Drawn, band, correlated, mean, panels
from strata.measures.complexity import complexity_by_family
from strata.plain import on_one_line
from strata.probes.families import FAMILIES, REFERENCE

_LABELLED = 6  # features that move most


def families(by_family: pd.DataFrame, features: pd.DataFrame, *, settings: Questions) -> Drawn:
    """Draw complexity under both families, the features that move most named, and V-information by layer.

    Parameters
    ----------
    by_family
        One row a seed, family and feature: complexity, vinfo_<layer> (`strata.measures.measurements.by_family`).
    features
        For the class of every seed's features.
    settings
        The section `questions` of the configuration.
    """
    table = complexity_by_family(by_family).merge(features[["seed", "feature", "class"]], on=["seed", "feature"])
    other = next(family for family in by_family["family"].unique() if family != REFERENCE)
    columns = [f"complexity_{family}" for family in (REFERENCE, other)]
    table["ranks_moved"] = table[columns[1]].rank() - table[columns[0]].rank()
    figure, axes = panels(2, height=3.3)
    _scatter(axes[0], table, columns, settings)
    _by_layer(axes[1], by_family, settings)
    return figure, table


def _scatter(ax: Axes, table: pd.DataFrame, columns: list[str], settings: Questions) -> None:
    pairs = table[columns].to_numpy()
    ax.plot([0, 1], [0, 1], color="black", lw=0.6, label="the same under both")
    xs, ys = pairs.T
    ax.scatter(xs, ys, s=10, color=BLUE, alpha=0.7, lw=0, rasterized=len(pairs) > 2000)
    e = correlated(table, x=columns[0], y=columns[1], settings=settings)
    ax.set_title(f"ρ = {with_interval(e.value, (e.low, e.high))}, n = {len(pairs)}", loc="right", fontsize=7.5)
    xlabel, ylabel = (f"complexity K, {_probes(column.removeprefix('complexity_'))}" for column in columns)
    ax.set(xlabel=xlabel, ylabel=ylabel, xlim=(0, 1), ylim=(0, 1))
    ax.set_aspect("equal")
    ax.legend(loc="upper left")
    _name_those_that_move(ax, table, columns)


def _name_those_that_move(ax: Axes, table: pd.DataFrame, columns: list[str]) -> None:
    """Name the features whose rank differs most, in the corner below the diagonal, with lines that do not cross."""
    chosen = table.loc[table["ranks_moved"].abs().sort_values(ascending=False, kind="stable").index[:_LABELLED]]
    several = table["seed"].nunique() > 1
    for place, row in enumerate(chosen.sort_values(columns[1]).to_dict("records")):
        name = f"class {on_one_line(row['class'])}, #{row['feature']}" + (f" (seed {row['seed']})" if several else "")
        moved = f"{row['ranks_moved']:+.0f}".replace("-", "−")
        ax.annotate(
            f"{name}: {moved}",
            (row[columns[0]], row[columns[1]]),
            xytext=(0.99, 0.03 + 0.055 * place),
            ha="right",
            fontsize=6,
            arrowprops={"arrowstyle": "-", "lw": 0.4, "color": "#777777", "shrinkA": 0, "shrinkB": 2},
        )


def _by_layer(ax: Axes, by_family: pd.DataFrame, settings: Questions) -> None:
    layers = [name for name in map(str, by_family) if name.startswith("vinfo_")]
    families = sorted(by_family["family"].unique(), key=lambda family: family == REFERENCE)
    for family, colour in zip(families, (ORANGE, BLUE), strict=True):
        own = by_family[by_family["family"] == family]
        line = pd.DataFrame([mean(own.assign(vinfo=own[name]), "vinfo", settings=settings) for name in layers])
        band(ax, np.arange(len(layers)), table=line, column="vinfo", colour=colour, label=_probes(family))
    labels = [name.removeprefix("vinfo_") for name in layers]
    ax.set_xticks(np.arange(len(layers)), labels, rotation=45, ha="right", rotation_mode="anchor")
    ax.set(ylabel=f"mean V-information (n = {line['n'].iloc[0]} features)", ylim=(0, 1))
    ax.legend(loc="upper left")


def _probes(family: str) -> str:
    """Return what the probes of a family are called."""
    return f"{FAMILIES[family].probe}s"
