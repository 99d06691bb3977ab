"""Appendix: the map and the tree of the features, by complexity and by importance."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, PowerNorm

from strata.claims.numbers import with_interval
from strata.config.keys import Questions
from strata.figures.parts import TRUST, Drawn, bar_below, draw_map, first_seed, panels
from strata.statistics import Rows, groups_of, mean_change, over_groups

# What a feature is coloured by: its label, and the colours.
SCALARS = {"complexity": ("complexity K", "viridis"), "importance": ("importance Γ (logits)", "cividis")}


def a_map(features: pd.DataFrame, scale: Normalize) -> Drawn:
    """Draw the map of the first seed's features, coloured by complexity and by importance.

    Parameters
    ----------
    features
        One row a feature and seed.
    scale
        Of complexity.
    """
    own = first_seed(features)
    figure, axes = panels(2, height=3.5)
    norms = [scale, PowerNorm(0.5)]  # a few features hold most of the importance
    for ax, (column, (label, colours)), norm in zip(axes, SCALARS.items(), norms, strict=True):
        draw_map(ax, own, column=column, label=label, colours=colours, norm=norm)
    axes[0].set_title(f"{len(own)} features")
    return figure, own[["seed", "feature", "complexity", "importance", "umap_x", "umap_y"]]


def a_dendrogram(features: pd.DataFrame, tree: pd.DataFrame, *, scale: Normalize, settings: Questions) -> Drawn:
    """Draw the uppermost splits of the tree of the first seed's features, by complexity and by importance.

    Parameters
    ----------
    features
        One row a feature and seed, with `branch`.
    tree
        Its nodes: branch, height, features (see `strata.measures.feature_map.tree`).
    scale
        Of complexity.
    settings
        The section `questions` of the configuration.
    """
    own = first_seed(features)
    nodes = tree.set_index("branch")
    for column in SCALARS:
        nodes[column] = [own.loc[own["branch"].str.startswith(branch), column].mean() for branch in nodes.index]
    places = _places(nodes)
    figure, axes = panels(2, height=3.3, sharey=True)
    norms = [scale, Normalize(nodes["importance"].min(), nodes["importance"].max())]
    for ax, (column, (label, colours)), norm in zip(axes, SCALARS.items(), norms, strict=True):
        paint = ScalarMappable(norm, colours)
        for branch in nodes.index[1:]:
            _draw_branch(ax, nodes, places, branch, paint.to_rgba(nodes.loc[branch, column]))
        leaves = [branch for branch in nodes.index if f"{branch}L" not in nodes.index]
        ax.set_xticks([places[b] for b in leaves], [str(nodes.loc[b, "features"]) for b in leaves], fontsize=6)
        ax.tick_params(axis="x", length=0)
        ax.set_xlabel("features in the branch")
        ax.set_title(_first_split(own, nodes, column, settings), fontsize=7.5)
        bar_below(ax, paint, label=f"mean {label}")
    axes[0].set_ylabel("Ward's distance")
    axes[0].set_ylim(0, None)
    return figure, nodes.reset_index().assign(place=[places[b] for b in nodes.index])


def _children(nodes: pd.DataFrame, branch: str) -> list[str]:
    """Return the two branches of a node, the simpler one first, or nothing."""
    both = [f"{branch}{side}" for side in "LR" if f"{branch}{side}" in nodes.index]
    return sorted(both, key=lambda b: (nodes.loc[b, "complexity"], b))


def _places(nodes: pd.DataFrame) -> dict[str, float]:
    """Return where each node stands from left to right: ends of the tree at 0, 1, …, others midway."""
    places: dict[str, float] = {}

    def stand(branch: str) -> None:
        children = _children(nodes, branch)
        for child in children:
            stand(child)
        ends = float(sum(f"{b}L" not in nodes.index for b in places))
        places[branch] = sum(places[c] for c in children) / 2 if children else ends

    stand("")
    return places


def _draw_branch(ax: Axes, nodes: pd.DataFrame, places: dict[str, float], branch: str, colour: Any) -> None:
    """Draw the line from a node up to its parent; an end of the tree hangs down to zero."""
    parent, heights = branch[:-1], nodes["height"].to_dict()
    top = heights[parent]
    bottom = heights[branch] if f"{branch}L" in heights else 0.0
    ax.plot([places[parent], places[branch], places[branch]], [top, top, bottom], color=colour, lw=2)


def _first_split(features: pd.DataFrame, nodes: pd.DataFrame, column: str, settings: Questions) -> str:
    """Say by how much the two halves of the first split differ, with its interval."""
    halves = (features[features["branch"].str.startswith(b)].dropna(subset=[column]) for b in _children(nodes, ""))
    parts = [Rows(half[[column]].to_numpy(float), groups_of(half["class"])) for half in halves]
    e = over_groups(mean_change, parts, null=0.0, confidence=settings.confidence, trust=TRUST)
    symbol = {"complexity": "K", "importance": "Γ"}[column]
    return f"first split, right − left: mean {symbol} {with_interval(e.value, (e.low, e.high))}"
