"""Ground truth: known factors beside the features that the network found."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from strata import store, truth
from strata.figures.drawing import BLUE, GREEN, GREY, ORANGE, Drawn, band, mean
from strata.shapes import VALUES

COLOURS = dict(zip(VALUES, (BLUE, GREEN, ORANGE), strict=True))
_ROWS, _COLUMNS = 2, 16  # of example images


def ground_truth(
    features: pd.DataFrame,
    errors: pd.DataFrame,
    swaps: pd.DataFrame,
    layers: Sequence[str],
    image_shards: Sequence[str],
    settings: dict[str, Any],
) -> Drawn:
    """Draw complexity, decodability by layer and by epoch, and the network's reliance, for every known factor.

    Parameters
    ----------
    errors, swaps, layers
        See `strata.truth.findings`.
    """
    confidence = settings["confidence"]
    known = truth.complexities(errors, layers, confidence)
    in_layers, in_epochs = truth.by_layer(errors, confidence), truth.by_epoch(errors, confidence)
    relied = reliance(swaps, settings)
    figure = plt.figure(figsize=(7, 5.6))
    grid = figure.add_gridspec(3, 2, height_ratios=[0.62, 1, 1])
    _examples(figure.add_subplot(grid[0, :]), image_shards[0])
    _spectrum(figure.add_subplot(grid[1, 0]), features["complexity"].dropna(), known)
    ax = figure.add_subplot(grid[1, 1])
    _lines(ax, in_layers, "layer", "vinfo", {factor: factor for factor in VALUES})
    names = list(dict.fromkeys(in_layers["layer"]))
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=6.5)
    ax.set(ylabel="V-information", title="where it is decodable (last epoch)")
    ax.legend(loc="lower right")
    ax = figure.add_subplot(grid[2, 0])
    since = truth.decodable_from(in_epochs)
    labels = {f: f"{f}: from epoch {since[f]}" if since[f] is not None else f"{f}: never" for f in VALUES}
    ax.axhline(truth.DECODABLE, color=GREY, lw=0.7, ls=":")
    _lines(ax, in_epochs, "epoch", "vinfo", labels)
    ax.set(
        xlabel="epoch (0: untrained)", ylabel="V-information\n(penultimate layer)", title="when it becomes decodable"
    )
    ax.legend(loc="lower right")
    ax = figure.add_subplot(grid[2, 1])
    _lines(ax, relied, "epoch", "flipped", {factor: factor for factor in VALUES})
    ax.set(xlabel="epoch (0: untrained)", ylabel="predictions that change", title="how far the network relies on it")
    ax.set_title(f"n = {relied['n'].iloc[0]} test images", loc="right", fontsize=7)
    table = pd.concat(
        [
            known.rename(columns={"complexity": "value"}).assign(shown="complexity"),
            in_layers.rename(columns={"vinfo": "value"}).assign(shown="V-information at the last epoch"),
            in_epochs.rename(columns={"vinfo": "value"}).assign(shown="V-information in the penultimate layer"),
            relied.rename(columns={"flipped": "value"}).assign(shown="share of predictions that change"),
        ]
    )
    return figure, table[["shown", "factor", "layer", "epoch", "value", "ci_low", "ci_high", "n"]]


def reliance(swaps: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    """Return the share of predictions that a factor's swap changes: epoch, factor, flipped, its interval and n."""
    images = swaps.groupby(["epoch", "factor", "image"], sort=False)["flipped"].mean()  # over seeds
    rows = [
        {"epoch": epoch, "factor": factor, **mean(own, settings)}
        for (epoch, factor), own in images.groupby(["epoch", "factor"], sort=False)
    ]
    return pd.DataFrame(rows)


def _lines(ax: Axes, table: pd.DataFrame, x: str, y: str, labels: dict[str, str]) -> None:
    for factor, line in table.groupby("factor", sort=False):
        along = np.arange(len(line)) if x == "layer" else line[x]
        band(ax, along, line, y, COLOURS[str(factor)], labels[str(factor)])
    ax.set_ylim(-0.03, 1.03)


def _spectrum(ax: Axes, complexity: pd.Series, known: pd.DataFrame) -> None:
    counts, edges = np.histogram(complexity, bins=np.linspace(0, 1, 41))
    ax.bar(edges[:-1], counts, width=np.diff(edges), align="edge", color="#cccccc")
    top = counts.max()
    for row, k in enumerate(known.itertuples()):
        height, colour = top * (1.12 + 0.16 * row), COLOURS[str(k.factor)]
        ax.axvline(k.complexity, ymax=height / (top * 1.6), color=colour, lw=0.8, ls="--")
        ax.errorbar(
            k.complexity,
            height,
            xerr=[[k.complexity - k.ci_low], [k.ci_high - k.complexity]],
            fmt="o",
            ms=4,
            color=colour,
        )
        ax.annotate(
            f"{k.factor} {k.complexity:.2f} [{k.ci_low:.2f}, {k.ci_high:.2f}]",
            (k.ci_high, height),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=6.5,
            color=colour,
        )
    ax.set(xlim=(0, 1), ylim=(0, top * 1.6), xlabel="complexity K", ylabel="discovered features")
    ax.set_title(f"known factors over {len(complexity)} features")


def _examples(ax: Axes, image_shard: str) -> None:
    """Show the first images of a shard."""
    with store.Shard(image_shard, kind="images") as shard:
        images = shard.read("images", slice(_ROWS * _COLUMNS)).transpose(0, 2, 3, 1)
    padded = np.pad(images, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=255)
    missing = _ROWS * _COLUMNS - len(padded)
    padded = np.pad(padded, ((0, missing), (0, 0), (0, 0), (0, 0)), constant_values=255)
    height, width = padded.shape[1:3]
    rows = padded.reshape(_ROWS, _COLUMNS, height, width, 3).swapaxes(1, 2)
    ax.imshow(rows.reshape(_ROWS * height, _COLUMNS * width, 3)[:-1, :-1])
    ax.axis("off")
