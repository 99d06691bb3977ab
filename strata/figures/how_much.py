"""Question 4: how complexity relates to importance."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from strata.config.keys import Questions
from strata.figures.parts import BLUE, GREEN, GREY, ORANGE, TRUST, Drawn, above_r, estimated, panels, scatter
from strata.statistics import LOG

# How means over groups of test images, or over several networks, are estimated (see `strata.statistics.over_groups`).
OVER_IMAGES: dict[str, Any] = {"accuracy": {"trust": TRUST}, "loss": {"scale": LOG, "trust": TRUST / 2}}
OVER_NETWORKS: dict[str, Any] = {"accuracy": {}, "loss": {"scale": LOG}}
TARGETS = {"predicted": "predicted class", "label": "class of the label", "all": "all classes"}


def q4_importance(by_checkpoint: pd.DataFrame, scale: Normalize, *, settings: Questions) -> Drawn:
    """Draw complexity against importance at the first and the last trained epoch, inhibiting features marked.

    A network of which there is one trained checkpoint alone has one panel.

    Parameters
    ----------
    by_checkpoint
        One row a seed, epoch and feature discovered at it: complexity, importance, signed_importance.
    scale
        Of complexity.
    settings
        The section `questions` of the configuration.
    """
    known = by_checkpoint.dropna(subset=["complexity"])
    epochs = [e for e in sorted(known["epoch"].unique()) if e > 0]
    shown = {epochs[0]: "first", epochs[-1]: "last"}
    figure, axes = panels(len(shown), height=3)
    for ax, (epoch, name) in zip(axes, shown.items(), strict=True):
        own = known[known["epoch"] == epoch]
        scatter(ax, own, x="complexity", y="importance", settings=settings, colour=scale, log=True)
        _mark_inhibiting(ax, own)
        ax.set(xlabel="complexity K", ylabel="importance Γ (mean |z ∂y/∂z|, logits)")
        above_r(ax, f"{name} epoch ({epoch})" if len(shown) > 1 else "trained network")
        ax.legend(loc="lower left", fontsize=6)
    return figure, known[known["epoch"].isin(list(shown))]


def q4_targets(
    features: pd.DataFrame, importance_targets: pd.DataFrame, *, scale: Normalize, settings: Questions
) -> Drawn:
    """Draw complexity against importance for the predicted class, the class of the label, and all classes.

    Parameters
    ----------
    features
        One row a feature and seed.
    importance_targets
        Importance for every target: seed, target, feature, importance, signed_importance.
    scale
        Of complexity.
    settings
        The section `questions` of the configuration.
    """
    known = features.dropna(subset=["complexity"])[["seed", "feature", "class", "complexity"]]
    table = importance_targets.merge(known, on=["seed", "feature"])
    shown = [target for target in TARGETS if target in set(table["target"])]
    figure, axes = panels(len(shown), height=2.8)
    for ax, target in zip(axes, shown, strict=True):
        own = table[table["target"] == target]
        scatter(ax, own, x="complexity", y="importance", settings=settings, colour=scale, log=True)
        _mark_inhibiting(ax, own)
        ax.set(xlabel="complexity K")
        above_r(ax, TARGETS[target])
        ax.legend(loc="lower left", fontsize=6)
    axes[0].set_ylabel("importance Γ (mean |z ∂y/∂z|, logits)")
    return figure, table


def q4_support(support: pd.DataFrame, settings: Questions) -> Drawn:
    """Draw accuracy and loss of the head on z D against the share of features kept, by the order of removal.

    Parameters
    ----------
    support
        What `strata.measures.support.support_of_seed` tells: seed, order, draw, share_kept, group, accuracy, loss, n.
    settings
        The section `questions` of the configuration.
    """
    table = _over_groups(support, settings)
    colours = {"complex first": ORANGE, "simple first": BLUE, "important first": GREEN, "random": GREY}
    points = {"complex half": ("D", ORANGE), "random, same importance": ("s", GREY)}
    figure, axes = panels(2, height=3)
    for ax, measure in zip(axes, ("accuracy", "loss"), strict=True):
        shown = table[table["measure"] == measure]
        for order, colour in colours.items():
            own = shown[shown["order"] == order]
            draws = own["draws"].iloc[0]
            label = f"at random ({draws} draws)" if order == "random" else f"the most {order.removesuffix(' first')}"
            ax.plot(own["share_kept"], own["mean"], "o-", ms=2.5, color=colour, label=label)
            ax.fill_between(own["share_kept"], own["ci_low"], own["ci_high"], color=colour, alpha=0.2, lw=0)
        for order, (marker, colour) in points.items():
            own = shown[shown["order"] == order]
            reach = own["mean"] - own["ci_low"], own["ci_high"] - own["mean"]
            style: dict[str, Any] = {"color": colour, "mec": "black", "ms": 5, "elinewidth": 1.2, "zorder": 3}
            label = "the complex half" if order == "complex half" else order
            ax.errorbar(own["share_kept"], own["mean"], reach, fmt=marker, **style, label=label)
        ax.set(xlabel="share of features kept", xlim=(1.01, -0.01))
    n = support[(support["seed"] == support["seed"].iloc[0]) & (support["order"] == "complex half")]["n"].sum()
    axes[0].set(ylabel=f"accuracy (n = {n:,} test images)", ylim=(0, 1.02))
    highest = table.loc[table["measure"] == "loss", "mean"].max()  # bands of two networks may reach far above
    axes[1].set(ylabel="cross-entropy (nats)", ylim=(0, 1.25 * highest))
    axes[0].legend(title="removed (first)", loc="lower left")
    return figure, table


def _over_groups(support: pd.DataFrame, settings: Questions) -> pd.DataFrame:
    """Return means over all test images, with intervals over groups of them, or over networks if there are several.

    The single points of random orders lie at a share of their own each; they are told at the mean of these. Losses,
    most of them small and a few large, are treated on a logarithmic scale, where their mean is nearly normal.

    Returns
    -------
    DataFrame
        measure, order, share_kept, draws (how many random orders of a network the mean is over), mean, ci_low, ci_high.
    """
    at = support.groupby("order")["share_kept"].transform("mean")
    support = support.assign(share_kept=support["share_kept"].where(support["order"] != "random, same importance", at))
    point, judged = ["order", "share_kept"], ["accuracy", "loss"]
    means = support.groupby([*point, "seed", "group"])[[*judged, "n"]].mean()  # over draws
    estimation = OVER_IMAGES
    if support["seed"].nunique() > 1:  # the network is the unit, and left out as a group of images is
        sums = means[judged].mul(means["n"], axis=0).assign(n=means["n"]).groupby([*point, "seed"]).sum()
        means = sums[judged].div(sums["n"], axis=0).assign(n=1)
        estimation = OVER_NETWORKS
    draws = support.groupby("order")["draw"].nunique().to_dict()
    rows = []
    for measure in judged:
        for (order, share), own in means.groupby(point):
            table, how = own.reset_index(drop=True), estimation[measure]
            e = estimated(table, [measure, "n"], statistic=_weighted, settings=settings, **how)
            told = {"measure": measure, "order": order, "share_kept": share, "draws": draws[order]}
            rows.append({**told, "mean": e.value, "ci_low": e.low, "ci_high": e.high})
    return pd.DataFrame(rows)


def _weighted(rows: np.ndarray) -> float:
    """Return the mean of the first column, weighed by the second."""
    return float(np.average(rows[:, 0], weights=rows[:, 1]))


def _mark_inhibiting(ax: Axes, table: pd.DataFrame) -> None:
    """Ring the features that on average lower the logit that they explain."""
    own = table[(table["signed_importance"] < 0) & (table["importance"] > 0)]
    label = f"inhibiting (Γ < 0, n = {len(own)})"
    ax.scatter(own["complexity"], own["importance"], s=34, fc="none", ec=ORANGE, lw=0.9, label=label)
