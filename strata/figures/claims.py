"""All claims at a glance, the training, and the controls."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from strata.figures.drawing import BLUE, GREEN, GREY, ORANGE, VERDICTS, Drawn, band, mean
from strata.questions import Finding


def findings(found: Sequence[Finding]) -> Drawn:
    """Draw every claim as a value with its interval, coloured by its verdict."""
    figure, ax = plt.subplots(figsize=(7, 0.36 * len(found) + 1))
    rows = np.arange(len(found))[::-1]
    for row, f in zip(rows, found, strict=True):
        if f.value is None:
            continue
        ax.plot(
            [f.ci_low, f.ci_high],
            [row, row],
            color=VERDICTS[f.verdict],
            lw=2,
            solid_capstyle="butt",
        )
        ax.plot(f.value, row, "o", color=VERDICTS[f.verdict], ms=5)
    ax.axvline(0, color="black", lw=0.6)
    ax.set_yticks(rows, [f"{f.id}\n{f.statistic}" for f in found], fontsize=6)
    ax.set_xlabel("value, with its bootstrap interval")
    for verdict, colour in VERDICTS.items():
        ax.plot([], [], "o", color=colour, label=verdict)
    ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1), ncols=3)
    return figure, pd.DataFrame([asdict(f) for f in found])


def training(history: pd.DataFrame) -> Drawn:
    """Draw test loss and accuracy by epoch, a line a seed."""
    figure, axes = plt.subplots(1, 2, figsize=(7, 2.4))
    for ax, column in zip(axes, ("loss", "accuracy"), strict=True):
        for seed, rows in history.groupby("seed"):
            ax.plot(rows["epoch"], rows[column], "o-", ms=3, label=f"seed {seed}")
            ax.annotate(
                f"{rows[column].iloc[-1]:.3f}",
                (rows["epoch"].iloc[-1], rows[column].iloc[-1]),
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                fontsize=7,
            )
        ax.set(xlabel="epoch (0: untrained)", ylabel=f"{column} on test images")
    axes[0].set_yscale("log")
    axes[1].set_ylim(0, 1.08)
    axes[0].legend()
    return figure, history


def controls(features: pd.DataFrame, control_vinfo: pd.DataFrame, settings: dict[str, Any]) -> Drawn:
    """Draw the mean V-information in every layer: trained and untrained network, random directions, shuffled codes."""
    layers = [name.removeprefix("vinfo_") for name in map(str, features) if name.startswith("vinfo_")]
    rows = []
    for layer in layers:
        own = control_vinfo[control_vinfo["layer"] == layer]
        groups = {"trained network": features[f"vinfo_{layer}"]}
        groups["untrained network (control)"] = own[own["control"] == "untrained"]["vinfo"]
        groups["random directions (control)"] = own[own["control"] == "random"]["vinfo"]
        groups["shuffled codes (control)"] = own[own["control"] == "shuffled"]["vinfo"]
        for group, values in groups.items():
            rows.append({"layer": layer, "group": group, **mean(values.dropna().rename("vinfo"), settings)})
    table = pd.DataFrame(rows)
    figure, ax = plt.subplots(figsize=(5, 3))
    for (name, line), colour in zip(table.groupby("group", sort=False), (BLUE, ORANGE, GREEN, GREY), strict=True):
        x = np.arange(len(line))
        band(ax, x, line, "vinfo", colour, str(name))
    ax.axhline(0, color="black", lw=0.6)
    ax.set_xticks(x, layers, rotation=45, ha="right", rotation_mode="anchor")
    ax.set(ylabel=f"mean V-information (n = {table['n'].iloc[0]} features)", ylim=(-0.05, 1))
    ax.legend(loc="upper left")
    return figure, table
