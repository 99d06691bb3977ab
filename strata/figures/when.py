"""Question 2: when features are learned."""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from strata.figures.drawing import BLUE, ORANGE, Drawn, band, mean, scatter
from strata.questions import most_important


def q2_emergence(features: pd.DataFrame, settings: dict[str, Any]) -> Drawn:
    """Draw complexity against temporal decoding score, with a linear fit."""
    figure, ax = plt.subplots(figsize=(3.6, 3.1))
    table = features.dropna(subset=["complexity"])
    scatter(ax, table, "complexity", "temporal_decoding_score", settings)
    ax.set(xlabel="complexity K", ylabel="temporal decoding score Δ")
    return figure, table[["seed", "feature", "complexity", "temporal_decoding_score"]]


def q2_growth(by_checkpoint: pd.DataFrame, settings: dict[str, Any]) -> Drawn:
    """Draw the mean complexity of the features discovered at each epoch, the most important ones apart."""
    known = by_checkpoint.dropna(subset=["complexity"])
    rows = []
    for epoch, at_epoch in known.groupby("epoch"):
        top = pd.concat(most_important(t, settings["top_share"]) for _, t in at_epoch.groupby("seed"))
        for group, table in (("all features", at_epoch), ("most important", top)):
            rows.append({"epoch": epoch, "group": group, **mean(table["complexity"], settings)})
    table = pd.DataFrame(rows)
    figure, ax = plt.subplots(figsize=(4.4, 3))
    for (name, line), colour in zip(table.groupby("group", sort=True), (BLUE, ORANGE), strict=True):
        band(ax, line["epoch"], line, "complexity", colour, f"{name} (n = {line['n'].iloc[0]})")
    ax.set(xlabel="epoch (0: untrained)", ylabel="mean complexity K", ylim=(0, 1))
    ax.legend()
    return figure, table
