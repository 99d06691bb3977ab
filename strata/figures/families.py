"""Appendix: whether complexity depends on the predictive family."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from strata.figures.drawing import BLUE, ORANGE, Drawn, band, mean
from strata.questions import complexity_by_family
from strata.statistics import bootstrap, spearman

_LABELLED = 6  # features that move most


def families(by_family: pd.DataFrame, features: pd.DataFrame, settings: dict[str, Any]) -> Drawn:
    """Draw complexity under both families, the features that move most named, and V-information by layer.

    Parameters
    ----------
    by_family
        One row a seed, family and feature: complexity, vinfo_<layer> (`measurements.by_family`).
    features
        For the class of every seed's features.
    settings
        The section `questions` of the configuration.
    """
    table = complexity_by_family(by_family).merge(features[["seed", "feature", "class"]], on=["seed", "feature"])
    ranks = table[["complexity_linear", "complexity_mlp"]].rank()
    table["ranks_moved"] = ranks["complexity_mlp"] - ranks["complexity_linear"]
    figure, axes = plt.subplots(1, 2, figsize=(7, 3.3), width_ratios=[1, 1.05])
    _scatter(axes[0], table, settings)
    _by_layer(axes[1], by_family, settings)
    return figure, table


def _scatter(ax: Axes, table: pd.DataFrame, settings: dict[str, Any]) -> None:
    pairs = table[["complexity_linear", "complexity_mlp"]].to_numpy()
    ax.plot([0, 1], [0, 1], color="black", lw=0.6, label="the same under both")
    xs, ys = pairs.T
    ax.scatter(xs, ys, s=10, color=BLUE, alpha=0.7, lw=0, rasterized=len(pairs) > 2000)
    e = bootstrap(spearman, [pairs], 0.0, settings["bootstrap"], settings["confidence"], settings["seed"])
    ax.set_title(f"ρ = {e.value:+.2f} [{e.low:+.2f}, {e.high:+.2f}], n = {len(pairs)}", loc="right", fontsize=7.5)
    ax.set(xlabel="complexity K, linear probes", ylabel="complexity K, perceptrons", xlim=(0, 1), ylim=(0, 1))
    ax.set_aspect("equal")
    ax.legend(loc="upper left")
    _name_those_that_move(ax, table)


def _name_those_that_move(ax: Axes, table: pd.DataFrame) -> None:
    """Name the features whose rank differs most, in the corner below the diagonal, with lines that do not cross."""
    chosen = table.loc[table["ranks_moved"].abs().sort_values(ascending=False, kind="stable").index[:_LABELLED]]
    several = table["seed"].nunique() > 1
    for place, row in enumerate(chosen.sort_values("complexity_mlp").to_dict("records")):
        name = f"class {row['class']}, #{row['feature']}" + (f" (seed {row['seed']})" if several else "")
        ax.annotate(
            f"{name}: {row['ranks_moved']:+.0f}",
            (row["complexity_linear"], row["complexity_mlp"]),
            xytext=(0.99, 0.03 + 0.055 * place),
            ha="right",
            fontsize=6,
            arrowprops={"arrowstyle": "-", "lw": 0.4, "color": "#777777", "shrinkA": 0, "shrinkB": 2},
        )


def _by_layer(ax: Axes, by_family: pd.DataFrame, settings: dict[str, Any]) -> None:
    layers = [name for name in map(str, by_family) if name.startswith("vinfo_")]
    for (family, label), colour in zip(
        (("mlp", "perceptrons"), ("linear", "linear probes")), (ORANGE, BLUE), strict=True
    ):
        own = by_family[by_family["family"] == family]
        line = pd.DataFrame([mean(own[name].dropna().rename("vinfo"), settings) for name in layers])
        band(ax, np.arange(len(layers)), line, "vinfo", colour, label)
    labels = [name.removeprefix("vinfo_") for name in layers]
    ax.set_xticks(np.arange(len(layers)), labels, rotation=45, ha="right", rotation_mode="anchor")
    ax.set(ylabel=f"mean V-information (n = {line['n'].iloc[0]} features)", ylim=(0, 1))
    ax.legend(loc="upper left")
