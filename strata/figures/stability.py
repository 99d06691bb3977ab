"""Stability: which features are found again, in half of the images and in networks of other seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from strata.config.keys import Questions
from strata.figures.parts import BLUE, GREEN, ORANGE, Drawn, above_r, panels, scatter
from strata.measures.stability import STABLE


def a_stability(
    features: pd.DataFrame, stability_seeds: pd.DataFrame | Sequence[str], *, scale: Normalize, settings: Questions
) -> Drawn:
    """Draw the distribution of stability, complexity against it, and correlations between seeds, where there are any.

    Parameters
    ----------
    features
        One row a feature and seed.
    stability_seeds
        One row an ordered pair of seeds and feature: seed, feature, other_seed, correlation; an empty list where there
        is one seed alone.
    scale
        Of complexity.
    settings
        The section `questions` of the configuration.

    Returns
    -------
    figure, table
        seed, feature, complexity, stability, stability_codes; with several seeds, stability_seeds, the mean correlation
        with the matches in the others.
    """
    table = features[["seed", "feature", "complexity", "stability", "stability_codes"]]
    figure, axes = panels(3 if isinstance(stability_seeds, pd.DataFrame) else 2, height=3)
    shown = {"directions (cosine)": (features["stability"], BLUE)}
    _histograms(axes[0], {**shown, "codes (correlation)": (features["stability_codes"], ORANGE)})
    axes[0].set(xlabel="stability: likeness to\nthe match in half of the images", ylabel="features")
    known = features.dropna(subset=["complexity", "stability"])
    scatter(axes[1], known, x="complexity", y="stability", settings=settings, colour=scale)
    axes[1].axhline(STABLE, color="black", lw=0.8, ls=":")
    axes[1].set(xlabel="complexity K", ylabel="stability (cosine)")
    above_r(axes[1], "complexity against stability")
    if isinstance(stability_seeds, pd.DataFrame):
        _histograms(axes[2], {"codes (correlation)": (stability_seeds["correlation"], GREEN)})
        axes[2].set(xlabel="correlation with\nthe match of another seed", ylabel="features × other seeds")
        means = stability_seeds.groupby(["seed", "feature"])["correlation"].mean().rename("stability_seeds")
        table = table.merge(means, on=["seed", "feature"], how="left")
    return figure, table


def _histograms(ax: Axes, shown: Mapping[str, tuple[pd.Series, str]]) -> None:
    """Draw distributions, each named with the share that is stable and its median, from the lowest value to 1."""
    lowest = np.nanmin([values.min() for values, _ in shown.values()] + [STABLE])
    bins = np.linspace(lowest, 1, 41).tolist()
    for label, (column, colour) in shown.items():
        values = column.dropna()
        share = f"{100 * (values >= STABLE).mean():.0f} % ≥ {STABLE:g}, median {values.median():.2f}, n = {len(values)}"
        ax.hist(values, bins=bins, histtype="stepfilled", color=colour, alpha=0.5, label=f"{label}:\n{share}")
    ax.axvline(STABLE, color="black", lw=0.8, ls=":")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1))
