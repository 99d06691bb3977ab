"""Question 3: where features flow."""

import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator

from strata.config.keys import Questions
from strata.figures.parts import BLUE, ORANGE, Drawn, band, by_decile, colour_of, complexity_bar, panels, scatter
from strata.measures.flow import arrival, by_block, skip_share


def q3_flow(features: pd.DataFrame, branch_cka: pd.DataFrame, *, scale: Normalize, settings: Questions) -> Drawn:
    """Draw the linear CKA with skip and main branch of every block, a line a decile of complexity.

    Parameters
    ----------
    features
        One row a feature and seed.
    branch_cka
        Linear CKA with the branches: seed, layer, feature, cka.
    scale
        Of complexity.
    settings
        The section `questions` of the configuration.
    """
    table = by_decile(features, by_block(branch_cka), keys=["branch", "block"], column="cka", settings=settings)
    figure, axes = panels(2, height=2.8, sharey=True)
    for ax, branch in zip(axes, ("skip", "main"), strict=True):
        for _, own in table[table["branch"] == branch].groupby("decile"):
            band(ax, own["block"], table=own, column="cka", colour=colour_of(own["complexity"].iloc[0], scale))
        ax.set(xlabel="block", title=f"{branch} branch")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ylabel = f"linear CKA with the feature\n(mean, n = {table['n'].min()} a decile)"
    axes[0].set(ylabel=ylabel, ylim=(0, None))  # after both were drawn: this ends their scaling
    complexity_bar(axes[1], scale)
    return figure, table


def q3_teleport(features: pd.DataFrame, branch_cka: pd.DataFrame, *, scale: Normalize, settings: Questions) -> Drawn:
    """Draw what the skip branches carry of a feature, and where each branch has it, against its complexity.

    Parameters
    ----------
    features
        One row a feature and seed.
    branch_cka
        Linear CKA with the branches: seed, layer, feature, cka.
    scale
        Of complexity.
    settings
        The section `questions` of the configuration.
    """
    flow = arrival(branch_cka).add_prefix("arrival_").assign(skip_share=skip_share(branch_cka)).reset_index()
    table = features[["seed", "feature", "class", "complexity"]].merge(flow).dropna(subset="complexity")
    figure, (left, right) = panels(2, height=3.2)
    scatter(left, table.dropna(subset="skip_share"), x="complexity", y="skip_share", settings=settings, colour=scale)
    left.set(xlabel="complexity K", ylabel="skip share: CKA with skip branches\n÷ CKA with both (sums over blocks)")
    told = []
    for branch, colour, aside in (("skip", BLUE, -0.17), ("main", ORANGE, 0.17)):  # or one would hide the other
        own = table.assign(shown=table[f"arrival_{branch}"] + aside).dropna(subset="shown")
        scatter(right, own, x="complexity", y="shown", settings=settings, jitter=0.12, colour=colour)
        told.append(f"{branch} branch: {right.get_title('right')}")
    right.set_title("", loc="right")
    right.set(xlabel="complexity K", ylabel="arrival: block with 90 %\nof the last block's CKA")
    right.yaxis.set_major_locator(MaxNLocator(integer=True))
    right.legend(right.collections, told, loc="lower right", bbox_to_anchor=(1.03, 1), fontsize=7.5, borderpad=0)
    return figure, table
