"""Ground truth: known factors beside the features that the network found."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator

from strata import store
from strata.claims import ground_truth as truth
from strata.config.keys import Correlation, Questions
from strata.figures.parts import BLUE, GREEN, GREY, ORANGE, Drawn, band, mean
from strata.images.shapes import VALUES
from strata.measures.complexity import FLOOR

COLOURS = dict(zip(VALUES, (BLUE, GREEN, ORANGE), strict=True))
_CALIBRATED = {
    "complexity": "complexity K",
    "relative_complexity": "relative complexity",
    "ceiling": "ceiling\n(V-information in the\npenultimate layer)",
}
_MARKERS = {"noise": "o", "rectified": "s", "rescaled": "x", "rarity": "o"}
_ROWS, _COLUMNS = 2, 16  # of example images


def ground_truth(
    features: pd.DataFrame,
    factor_errors: pd.DataFrame,
    *,
    interventions: pd.DataFrame,
    layers: Sequence[str],
    correlation: Correlation | None,
    images: Sequence[str],
    settings: Questions,
) -> Drawn:
    """Draw complexity, decodability by layer and by epoch, and the network's reliance, for every known factor.

    Parameters
    ----------
    features
        One row a feature and seed.
    factor_errors, interventions, layers
        See `strata.claims.ground_truth.findings`.
    correlation
        `data.shapes.correlation` of the configuration.
    images
        Shards.
    settings
        The section `questions` of the configuration.
    """
    confidence = settings.confidence
    known = truth.complexities(factor_errors, layers, confidence=confidence)
    in_layers, in_epochs = truth.by_layer(factor_errors, confidence), truth.by_epoch(factor_errors, confidence)
    relied = reliance(interventions, settings)
    figure = plt.figure(figsize=(7, 5.6))
    grid = figure.add_gridspec(3, 2, height_ratios=[0.62, 1, 1])
    _examples(figure.add_subplot(grid[0, :]), images[0])
    _spectrum(figure.add_subplot(grid[1, 0]), features["complexity"].dropna(), known)
    names = {factor: factor for factor in VALUES}
    ax = figure.add_subplot(grid[1, 1])
    _lines(ax, in_layers, "layer", "vinfo", names)
    _told(ax, correlation)
    where = list(dict.fromkeys(in_layers["layer"]))
    ax.set_xticks(range(len(where)), where, rotation=45, ha="right", rotation_mode="anchor", fontsize=6.5)
    ax.set(ylabel=f"V-information\n(n = {factor_errors['images'].iloc[0]:,} images)")
    ax.set_title("where it is decodable, at the last epoch", pad=16)
    ax = figure.add_subplot(grid[2, 0])
    since = truth.decodable_from(in_epochs, correlation)
    labels = {f: f"{f} (never)" if since[f] is None else f"{f} ({since[f]})" for f in VALUES}
    _lines(ax, in_epochs, "epoch", "vinfo", labels)
    _told(ax, correlation)
    ax.set(ylabel="V-information\nin the penultimate layer")
    ax.set_title("when it becomes decodable (first epoch)", pad=16)
    ax = figure.add_subplot(grid[2, 1])
    _lines(ax, relied, "epoch", "flipped", names)
    ax.set(ylabel=f"share of predictions that change\n(n = {relied['n'].iloc[0]:,} test images)")
    ax.set_title("how far the network relies on it", pad=16)
    table = pd.concat(
        [
            known.rename(columns={"complexity": "value"}).assign(shown="complexity"),
            in_layers.rename(columns={"vinfo": "value"}).assign(shown="V-information at the last epoch"),
            in_epochs.rename(columns={"vinfo": "value"}).assign(shown="V-information in the penultimate layer"),
            relied.rename(columns={"flipped": "value"}).assign(shown="share of predictions that change"),
        ]
    )
    return figure, table[["shown", "factor", "layer", "epoch", "value", "ci_low", "ci_high", "n"]]


def calibration(calibration_errors: pd.DataFrame, layers: Sequence[str], *, settings: Questions) -> Drawn:
    """Draw complexity, relative complexity and ceiling of spoilt codes of the factors, beside what they should be.

    Parameters
    ----------
    calibration_errors, layers
        See `strata.claims.ground_truth.findings`.
    settings
        The section `questions` of the configuration.
    """
    table = truth.calibrated(calibration_errors, layers, confidence=settings.confidence)
    clean = (table["kind"] == "noise") & (table["share"] == 1)
    noisy, rare = table[table["kind"] != "rarity"], table[(table["kind"] == "rarity") | clean]
    figure, axes = plt.subplots(3, 2, figsize=(7, 7.2), sharex="col", sharey="row")
    for row, (measure, label) in zip(axes, _CALIBRATED.items(), strict=True):
        for ax, own, x in ((row[0], noisy, "share"), (row[1], rare, "rate")):
            for factor, line in own[own["measure"] == measure].groupby("factor", sort=False):
                _beside_expected(ax, line.sort_values(x), x=x, colour=COLOURS[str(factor)])
            ax.set_ylim(-0.03, 1.03)
        row[0].set_ylabel(label)
    axes[2, 0].set(xlabel="share of the code's variance that is signal", xlim=(1.04, -0.02))
    axes[2, 1].set(xlabel="firing rate (thinned at random; clean: 25 %)", xscale="log", xlim=(0.7, 0.0035))
    axes[2, 1].xaxis.set_minor_locator(NullLocator())
    rates = sorted(rare["rate"].unique())
    axes[2, 1].set_xticks(rates, [f"{100 * rate:g} %" for rate in rates])
    axes[0, 0].set_title("noise, rectified or not, and scale", pad=26)
    axes[0, 1].set_title("rarity", pad=26)
    named = [Line2D([], [], color=COLOURS[f], marker="o", ms=3, lw=0, label=f) for f in VALUES]
    kinds = [Line2D([], [], color=GREY, marker=m, ms=3.5, lw=0, label=kind) for kind, m in _MARKERS.items()]
    expected = Line2D([], [], color=GREY, lw=0.8, ls="--", label="what it should be")
    if not table["told"].all():
        axes[1, 1].plot([], [], "o", ms=3.5, color=GREY, mfc="white", label=f"ceiling below {FLOOR:g}: not judged by")
        axes[1, 1].legend(loc="upper left")
    above = {
        "loc": "lower left",
        "bbox_to_anchor": (-0.02, 0.98),
        "borderpad": 0,
        "columnspacing": 1,
        "handlelength": 1,
    }
    axes[0, 0].legend(handles=[kind for kind in kinds if kind.get_label() != "rarity"], ncols=3, **above)
    axes[0, 1].legend(handles=[*named, expected], ncols=4, **{**above, "handlelength": 1.4})
    return figure, table.drop(columns="code")


def reliance(interventions: pd.DataFrame, settings: Questions) -> pd.DataFrame:
    """Return the share of predictions that a factor's swap changes: epoch, factor, flipped, its interval and n.

    Parameters
    ----------
    interventions
        Rows of `strata.claims.interventions.intervene`, with seed.
    settings
        The section `questions` of the configuration.
    """
    images = interventions.groupby(["epoch", "factor", "image"], sort=False)["flipped"].mean().reset_index()  # of seeds
    rows = [
        {"epoch": epoch, "factor": factor, **mean(own, "flipped", settings=settings)}
        for (epoch, factor), own in images.groupby(["epoch", "factor"], sort=False)
    ]
    return pd.DataFrame(rows)


def _lines(ax: Axes, table: pd.DataFrame, x: str, y: str, labels: dict[str, str]) -> None:
    for factor, line in table.groupby("factor", sort=False):
        along = np.arange(len(line)) if x == "layer" else line[x]
        band(ax, along, table=line, column=y, colour=COLOURS[str(factor)], label=labels[str(factor)])
    if x == "epoch":
        ax.set_xlabel("epoch (0: untrained)")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylim(-0.03, 1.03)
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 0.98),
        ncols=3,
        borderpad=0,
        columnspacing=1,
        handlelength=1.2,
        handletextpad=0.4,
    )


def _beside_expected(ax: Axes, line: pd.DataFrame, *, x: str, colour: str) -> None:
    """Draw what is measured of a factor's codes as points with intervals, and what it should be as a dashed line.

    Points are open where the ceiling is too low for relative complexity to be told of a feature.
    """
    ax.plot(line[x], line["expected"], color=colour, lw=0.8, ls="--")
    for (kind, told), own in line.groupby(["kind", "told"], sort=False):
        ax.vlines(own[x], own["ci_low"], own["ci_high"], color=colour, lw=1)
        ax.plot(own[x], own["value"], _MARKERS[str(kind)], ms=3.5, color=colour, mfc=colour if told else "white")


def _told(ax: Axes, correlation: Correlation | None) -> None:
    """Mark the V-information that one of two correlated factors alone has about the other."""
    if correlation:
        told = max(truth.told_by_others(correlation).values())
        one, other = correlation.between
        ax.axhline(told, color=GREY, lw=0.8, ls=":")
        ax.annotate(
            f"what {one} and {other} tell of each other",
            (1, told),
            xycoords=("axes fraction", "data"),
            xytext=(0, -12),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=6,
            color=GREY,
        )


def _spectrum(ax: Axes, complexity: pd.Series, known: pd.DataFrame) -> None:
    counts, edges = np.histogram(complexity, bins=np.linspace(0, 1, 41))
    ax.bar(edges[:-1], counts, width=np.diff(edges), align="edge", color="#cccccc")
    top = counts.max()
    # The simplest stands highest, so that no line runs through another's words.
    for row, (factor, k) in enumerate(known.set_index("factor").sort_values("complexity").iterrows()):
        value, low, high = (float(k[name]) for name in ("complexity", "ci_low", "ci_high"))
        height, colour = top * (1.44 - 0.16 * row), COLOURS[str(factor)]
        ax.vlines(value, 0, height, color=colour, lw=0.8, ls="--")
        ax.plot([low, high], [height, height], color=colour, lw=2, solid_capstyle="butt")
        ax.plot(value, height, "o", ms=4, color=colour, clip_on=False)
        ax.annotate(
            f"{factor} {value:.3f} ± {(high - low) / 2:.3f}",
            (high, height) if value < 0.7 else (low, height),
            xytext=(5 if value < 0.7 else -5, 0),
            textcoords="offset points",
            ha="left" if value < 0.7 else "right",
            va="center",
            fontsize=6.5,
            color=colour,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )
    ax.set(xlim=(0, 1), ylim=(0, top * 1.6), xlabel="complexity K", ylabel="discovered features")
    ax.set_title(f"known factors above {len(complexity)} features", pad=16)


def _examples(ax: Axes, image_shard: str) -> None:
    """Show some images of a shard, spaced evenly over it."""
    with store.Shard(image_shard, kind="images") as shard:
        images = shard.read("images").transpose(0, 2, 3, 1)
    shown = images[np.linspace(0, len(images) - 1, _ROWS * _COLUMNS).astype(int)]
    padded = np.pad(shown, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=255)
    height, width = padded.shape[1:3]
    rows = padded.reshape(_ROWS, _COLUMNS, height, width, 3).swapaxes(1, 2)
    ax.imshow(rows.reshape(_ROWS * height, _COLUMNS * width, 3)[:-1, :-1])
    ax.axis("off")
