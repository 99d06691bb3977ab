"""Question 3: where features flow."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from strata.config.keys import Questions
from strata.figures.parts import Drawn, band, by_decile, complexity_bar, scatter
from strata.measures.flow import teleport_block


def q3_flow(features: pd.DataFrame, branch_cka: pd.DataFrame, *, settings: Questions) -> Drawn:
    """Draw the linear CKA with skip and main branch of every block, a line a decile of complexity.

    Parameters
    ----------
    features
        One row a feature and seed.
    branch_cka
        Linear CKA with the branches: seed, layer, feature, cka.
    settings
        The section `questions` of the configuration.
    """
    long = branch_cka.assign(
        block=branch_cka["layer"].str.extract(r"block-(\d+)", expand=False).astype(int),
        branch=branch_cka["layer"].str.rsplit("-", n=1).str[1],
    )
    table = by_decile(features, long, keys=["branch", "block"], column="cka", settings=settings)
    figure, axes = plt.subplots(1, 2, figsize=(7, 2.8), sharey=True)
    for ax, branch in zip(axes, ("skip", "main"), strict=True):
        for _, own in table[table["branch"] == branch].groupby("decile"):
            band(ax, own["block"], table=own, column="cka", colour=plt.get_cmap("viridis")(own["complexity"].iloc[0]))
        ax.set(xlabel="block", title=f"{branch} branch")
        ax.xaxis.get_major_locator().set_params(integer=True)
    ylabel = f"linear CKA with the feature\n(mean, n = {table['n'].min()} a decile)"
    axes[0].set(ylabel=ylabel, ylim=(0, None))  # after both were drawn: this ends their scaling
    complexity_bar(figure, axes[1])
    return figure, table


def q3_teleport(features: pd.DataFrame, branch_cka: pd.DataFrame, *, settings: Questions) -> Drawn:
    """Draw the block at which the skip branch holds 90 % of its final CKA with a feature, against its complexity.

    Parameters
    ----------
    features
        One row a feature and seed.
    branch_cka
        Linear CKA with the branches: seed, layer, feature, cka.
    settings
        The section `questions` of the configuration.
    """
    blocks = teleport_block(branch_cka).reset_index()
    table = features[["seed", "feature", "complexity"]].merge(blocks).dropna()
    figure, ax = plt.subplots(figsize=(3.9, 3.1))
    scatter(ax, table, x="complexity", y="teleport_block", settings=settings, jitter=0.15)
    ax.set(xlabel="complexity K", ylabel="teleport block\n(skip branch holds 90 % of its final CKA)")
    ax.set_yticks(np.arange(1, table["teleport_block"].max() + 1))
    return figure, table
