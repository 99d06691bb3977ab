"""Question 3: where features flow."""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from strata.figures.drawing import BLUE, ORANGE, Drawn, band, mean
from strata.questions import tenths


def q3_flow(features: pd.DataFrame, branch_cka: pd.DataFrame, settings: dict[str, Any]) -> Drawn:
    """Draw the linear CKA with main and skip branch of every block, for the simplest and the most complex tenth."""
    known = features.dropna(subset=["complexity"])
    rows = []
    for group, members in zip(("simplest tenth", "most complex tenth"), tenths(known), strict=True):
        own = branch_cka.merge(members[["seed", "feature"]], on=["seed", "feature"])
        for layer, table in own.groupby("layer", sort=True):
            block, branch = str(layer).rsplit("-", 1)
            rows.append({"group": group, "block": block, "branch": branch, **mean(table["cka"], settings)})
    table = pd.DataFrame(rows)
    figure, axes = plt.subplots(1, 2, figsize=(7, 2.8), sharey=True)
    for ax, (name, own) in zip(axes, table.groupby("group", sort=False), strict=True):
        for branch, colour in (("skip", BLUE), ("main", ORANGE)):
            line = own[own["branch"] == branch]
            x = line["block"].str.removeprefix("block-").astype(int).to_numpy()
            band(ax, x, line, "cka", colour, f"{branch} branch")
        ax.set(xlabel="block", xticks=x, title=f"{name} (n = {own['n'].iloc[0]})")
    axes[0].set(ylabel="linear CKA with the feature", ylim=(0, None))
    axes[0].legend()
    return figure, table
