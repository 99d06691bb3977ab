"""Question 2: when features are learned."""

import numpy as np
import pandas as pd
from matplotlib.colors import Normalize

from strata.config.keys import Questions
from strata.figures.parts import (
    BLUE,
    ORANGE,
    Drawn,
    band,
    bar_below,
    by_decile,
    colour_of,
    complexity_bar,
    mean,
    panels,
    scatter,
)
from strata.measures.importance import most_important


def q2_emergence(features: pd.DataFrame, scale: Normalize, *, settings: Questions) -> Drawn:
    """Draw complexity against temporal decoding score, with a linear fit.

    Parameters
    ----------
    features
        One row a feature and seed.
    scale
        Of complexity.
    settings
        The section `questions` of the configuration.
    """
    figure, (ax,) = panels(1, height=3.1)
    table = features.dropna(subset=["complexity"])
    scatter(ax, table, x="complexity", y="temporal_decoding_score", settings=settings, colour=scale)
    ax.set(xlabel="complexity K", ylabel="temporal decoding score Δ")
    return figure, table[["seed", "feature", "complexity", "temporal_decoding_score"]]


def q2_deciles(features: pd.DataFrame, decoding: pd.DataFrame, *, scale: Normalize, settings: Questions) -> Drawn:
    """Draw the V-information in the penultimate layer by epoch, a line a decile of complexity.

    Parameters
    ----------
    features
        One row a feature and seed.
    decoding
        V-information in the penultimate layer: seed, epoch, feature, vinfo.
    scale
        Of complexity.
    settings
        The section `questions` of the configuration.
    """
    table = by_decile(features, decoding, keys=["epoch"], column="vinfo", settings=settings)
    figure, (ax,) = panels(1, height=3)
    for _, own in table.groupby("decile"):
        band(ax, own["epoch"], table=own, column="vinfo", colour=colour_of(own["complexity"].iloc[0], scale))
    ax.set(
        xlabel="epoch", ylabel="mean V-information in the penultimate layer", ylim=(min(0, table["ci_low"].min()), 1)
    )
    ax.set_title(f"deciles of complexity, n = {_range(table['n'])} features each", fontsize=7.5)
    complexity_bar(ax, scale)
    return figure, table


def q2_growth(by_checkpoint: pd.DataFrame, settings: Questions) -> Drawn:
    """Draw the mean complexity of the features discovered at each epoch, the most important ones apart.

    Parameters
    ----------
    by_checkpoint
        One row a seed, epoch and feature discovered at it: complexity, importance.
    settings
        The section `questions` of the configuration.
    """
    known = by_checkpoint.dropna(subset=["complexity"])
    table = _all_and_important(known, "complexity", settings)
    figure, (ax,) = panels(1, height=3)
    for (name, own), colour in zip(table.groupby("group", sort=True), (BLUE, ORANGE), strict=True):
        band(
            ax,
            own["epoch"],
            table=own,
            column="complexity",
            colour=colour,
            label=f"{name} (n = {_range(own['n'])} an epoch)",
        )
    ax.set(xlabel="epoch (0: untrained)", ylabel="mean complexity K", ylim=(0, 1))
    ax.legend()
    return figure, table


def q2_sedimentation(by_checkpoint: pd.DataFrame, layers: list[str], *, settings: Questions) -> Drawn:
    """Draw the layer from which on features of each epoch are decodable: the most important ones, and all.

    Parameters
    ----------
    by_checkpoint
        One row a seed, epoch and feature discovered at it: decodable_from, importance.
    layers
        That decodable_from counts, first to last.
    settings
        The section `questions` of the configuration.
    """
    known = by_checkpoint.dropna(subset=["decodable_from"])
    table = _all_and_important(known, "decodable_from", settings)
    tops = known.groupby(["seed", "epoch"], group_keys=False)[known.columns.tolist()].apply(
        lambda t: most_important(t, settings.top_share)
    )
    depths = np.arange(1, len(layers) + 1)
    shares = pd.DataFrame(
        {epoch: [(own <= depth).mean() for depth in depths] for epoch, own in tops.groupby("epoch")["decodable_from"]}
    )
    figure, (left, right) = panels(2, height=3.2, sharey=True)
    epochs = shares.columns.to_numpy()
    drawn = left.pcolormesh(np.arange(len(epochs) + 1) - 0.5, np.arange(len(layers) + 1) + 0.5, shares, cmap="cividis")
    drawn.set_clim(0, 1)
    marked = np.unique(np.linspace(0, len(epochs) - 1, 7).round().astype(int))
    left.set_xticks(marked, epochs[marked])
    left.set_yticks(depths, layers, fontsize=6)
    left.set(xlabel="epoch (0: untrained)", ylabel="layer, first to last")
    n = table[table["group"] == "most important"]["n"]
    left.set_title(f"most important features, n = {_range(n)} an epoch", fontsize=7.5)
    bar_below(left, drawn, label="share decodable by this layer")
    for (name, own), colour in zip(table.groupby("group", sort=True), (BLUE, ORANGE), strict=True):
        band(
            right,
            own["epoch"],
            table=own,
            column="decodable_from",
            colour=colour,
            label=f"{name} (n = {_range(own['n'])})",
        )
    right.set(xlabel="epoch (0: untrained)")
    right.set_title("mean layer from which on they are decodable", fontsize=7.5)
    right.legend()
    return figure, table


def _all_and_important(known: pd.DataFrame, column: str, settings: Questions) -> pd.DataFrame:
    """Return the mean of a column by epoch, over all features and over the most important ones of each seed."""
    rows = []
    for epoch, at_epoch in known.groupby("epoch"):
        top = pd.concat(most_important(t, settings.top_share) for _, t in at_epoch.groupby("seed"))
        for group, table in (("all features", at_epoch), ("most important", top)):
            rows.append({"epoch": epoch, "group": group, **mean(table, column, settings=settings)})
    return pd.DataFrame(rows)


def _range(counts: pd.Series) -> str:
    """Return one number, or the smallest and the largest."""
    return str(counts.min()) if counts.nunique() == 1 else f"{counts.min()}–{counts.max()}"
