"""Question 4: how complexity relates to importance."""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from strata.figures.drawing import Drawn, scatter


def q4_importance(by_checkpoint: pd.DataFrame, settings: dict[str, Any]) -> Drawn:
    """Draw complexity against importance at the first and the last trained epoch."""
    known = by_checkpoint.dropna(subset=["complexity"])
    epochs = [e for e in sorted(known["epoch"].unique()) if e > 0]
    figure, axes = plt.subplots(1, 2, figsize=(7, 3))
    for ax, epoch, name in zip(axes, (epochs[0], epochs[-1]), ("first", "last"), strict=True):
        scatter(ax, known[known["epoch"] == epoch], "complexity", "importance", settings)
        ax.set(xlabel="complexity K", ylabel="importance Γ (mean |z ∂y/∂z|, logits)", ylim=(0, None))
        ax.set_title(f"{name} epoch ({epoch})", loc="left", pad=16)
    return figure, known[known["epoch"].isin([epochs[0], epochs[-1]])]
