"""All claims at a glance, the training, and the controls."""

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from strata.claims.claim import CONFOUNDS
from strata.claims.controls import CONTROLS
from strata.claims.finding import Finding
from strata.config.keys import Questions
from strata.figures.parts import BLUE, COLOURS, GREEN, GREY, ORANGE, VERDICTS, Drawn, band, mean, plain_numbers


def findings(findings: Sequence[Finding]) -> Drawn:
    """Draw every claim as a value with its interval, coloured by its verdict; each seed's value as a small mark."""
    figure, ax = plt.subplots(figsize=(7, 0.34 * len(findings) + 1))
    rows = np.arange(len(findings))[::-1]
    for row, f in zip(rows, findings, strict=True):
        colour = VERDICTS[f.verdict]
        if not _known(f.value):
            ax.annotate("not defined", (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=6)
            continue
        _interval(ax, row, (f.value, f.ci_low, f.ci_high), colour, "o")
        if f.images_low is not None:
            ax.plot(np.array([f.images_low, f.images_high], float), [row + 0.25] * 2, "|-", color="black", lw=0.7, ms=4)
        if len(f.by_seed) > 1:
            values = [seed["value"] for seed in f.by_seed if seed["value"] is not None]
            ax.plot(values, [row - 0.25] * len(values), "o", mfc="none", mec="black", mew=0.6, ms=3)
        text = f"{f.value:+.2f} [{f.ci_low:+.2f}, {f.ci_high:+.2f}]"
        ax.annotate(text, (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=6)
    for above, row in zip(findings[:-1], rows[:-1], strict=True):
        if above.question != findings[len(findings) - row].question:
            ax.axhline(row - 0.5, color="#cccccc", lw=0.5)
    ax.axvline(0, color="black", lw=0.6)
    ax.set_yticks(rows, [f"{f.id}\n{textwrap.fill(f.statistic, 60)}" for f in findings], fontsize=6)
    ax.set(
        ylim=(-0.6, len(findings) - 0.4),
        xlabel="ρ, or a difference in complexity, V-information or loss, or a ratio (no units)",
    )
    for verdict, colour in VERDICTS.items():
        ax.plot([], [], "o-", color=colour, label=verdict)
    if any(f.images_low is not None for f in findings):
        ax.plot([], [], "|-", color="black", lw=0.7, ms=4, label="interval over images")
    if any(len(f.by_seed) > 1 for f in findings):
        ax.plot([], [], "o", mfc="none", mec="black", mew=0.6, ms=3, label="one seed")
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=5, columnspacing=1, handlelength=1.5)
    return figure, pd.DataFrame([_numbers(f) for f in findings])


def _numbers(f: Finding) -> dict[str, Any]:
    """Return a finding as one row, each seed's value in a column of its own."""
    row = asdict(f)
    row["controls"], row["because"] = " ".join(f.controls), "; ".join(f.because)
    for told, name in (("nulls", "null"), ("given", "given"), ("beside", "what")):
        row |= {f"{told}: {one[name]}": one["value"] for one in row.pop(told)}
    return row | {f"value_seed_{seed['seed']}": seed["value"] for seed in row.pop("by_seed")}


def nulls(findings: Sequence[Finding]) -> Drawn:
    """Draw every claim beside the same statistic where there is nothing to find.

    Parameters
    ----------
    findings
        The claims, tested.
    """
    shown = [f for f in findings if f.nulls and _known(f.value)]
    names = list(dict.fromkeys(null["null"] for f in shown for null in f.nulls))
    figure, ax = plt.subplots(figsize=(7, 0.36 * len(shown) + 1.1))
    rows = np.arange(len(shown))[::-1]
    table = []
    for row, f in zip(rows, shown, strict=True):
        _interval(ax, row, (f.value, f.ci_low, f.ci_high), VERDICTS[f.verdict], "o")
        table.append({"id": f.id, "of": "this run", "value": f.value, "beaten": ""})
        for null in f.nulls:
            place = names.index(null["null"])
            ax.plot(null["value"], row - 0.13 * (place + 1), _MARKS[place], color=COLOURS[place + 3], ms=4)
            table.append({"id": f.id, "of": null["null"], "value": null["value"], "beaten": null["beaten"]})
    ax.axvline(0, color="black", lw=0.6)
    ax.set_yticks(rows, [f"{f.id}\n{textwrap.fill(f.statistic, 60)}" for f in shown], fontsize=6)
    ax.set(ylim=(-0.8, len(shown) - 0.5), xlabel="ρ, or a difference in complexity or loss (no units)")
    for verdict, colour in VERDICTS.items():
        ax.plot([], [], "o-", color=colour, label=f"this run: {verdict}")
    for place, name in enumerate(names):
        ax.plot([], [], _MARKS[place], color=COLOURS[place + 3], ms=4, label=name)
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, columnspacing=1, handlelength=1.5)
    return figure, pd.DataFrame(table, columns=["id", "of", "value", "beaten"])


def confounds(findings: Sequence[Finding]) -> Drawn:
    """Draw what is left of every correlation when what it may owe to something simpler is held fixed.

    Parameters
    ----------
    findings
        The claims, tested.
    """
    shown = [f for f in findings if f.given and _known(f.value)]
    ways = list(dict.fromkeys(given["given"] for f in shown for given in f.given))
    figure, axes = plt.subplots(1, len(ways) + 1, figsize=(7.4, 0.3 * len(shown) + 1.3), sharex=True, sharey=True)
    rows = np.arange(len(shown))[::-1]
    table = []
    for ax, way in zip(axes, ["raw", *ways], strict=True):
        for row, f in zip(rows, shown, strict=True):
            raw = {"given": "raw", "value": f.value, "ci_low": f.ci_low, "ci_high": f.ci_high, "verdict": f.alone}
            for told in [raw, *f.given]:
                if told["given"] == way and _known(told["value"]):
                    ends = (told["value"], told["ci_low"], told["ci_high"])
                    _interval(ax, row, ends, VERDICTS[told["verdict"]], "o")
                    table.append({"id": f.id, **told})
        ax.axvline(0, color="black", lw=0.6)
        ax.set_title(textwrap.fill(f"given {way}" if way in CONFOUNDS else way, 17), fontsize=7)
        ax.tick_params(axis="y", length=0)
    axes[0].set_yticks(rows, [f.id for f in shown], fontsize=6.5)
    axes[0].set(xlim=(-1.05, 1.05), ylim=(-0.6, len(shown) - 0.4))
    figure.supxlabel("Spearman ρ; colour: what it alone would decide", fontsize=7.5)
    return figure, pd.DataFrame(table)


_MARKS = ("s", "D", "^", "v")


def _known(value: float | None) -> bool:
    return value is not None and value == value


def _interval(ax: Axes, row: float, told: tuple[float, float, float], colour: str, mark: str) -> None:
    """Draw a value with its interval."""
    value, low, high = told
    ax.plot([low, high], [row, row], color=colour, lw=2, solid_capstyle="butt")
    ax.plot(value, row, mark, color=colour, ms=4.5)


def training(history: pd.DataFrame) -> Drawn:
    """Draw test loss and accuracy by epoch, a line a seed.

    Parameters
    ----------
    history
        One row a seed and epoch: seed, epoch, loss, accuracy.
    """
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
    plain_numbers(axes[0].yaxis)
    axes[1].set_ylim(0, 1.08)
    axes[0].legend()
    return figure, history


def controls(features: pd.DataFrame, control_vinfo: pd.DataFrame, *, settings: Questions) -> Drawn:
    """Draw the mean V-information in every layer: of features in the trained network, and of every control.

    Parameters
    ----------
    features
        One row a feature and seed.
    control_vinfo
        V-information of every control: seed, control, layer, feature, vinfo.
    settings
        The section `questions` of the configuration.
    """
    layers = [name.removeprefix("vinfo_") for name in map(str, features) if name.startswith("vinfo_")]
    measured = dict(list(control_vinfo.groupby("control")))
    rows = []
    for layer in layers:
        groups = {"trained network": features.assign(vinfo=features[f"vinfo_{layer}"])}
        for name in (control for control in CONTROLS if control in measured):
            own = measured[name]
            groups[f"{CONTROLS[name].about} (control)"] = own[own["layer"] == layer]
        for label, values in groups.items():
            rows.append({"layer": layer, "group": label, **mean(values, "vinfo", settings=settings)})
    table = pd.DataFrame(rows)
    colours = dict(zip(dict.fromkeys(table["group"]), (BLUE, GREY, ORANGE, GREEN, *COLOURS[3:]), strict=False))
    figure, ax = plt.subplots(figsize=(5, 3))
    for group, line in table.groupby("group", sort=False):
        x = np.arange(len(line))
        band(ax, x, table=line, column="vinfo", colour=colours[str(group)], label=f"{group}, n = {line['n'].iloc[0]}")
    ax.axhline(0, color="black", lw=0.6)
    ax.set_xticks(x, layers, rotation=45, ha="right", rotation_mode="anchor")
    ax.set(ylabel="mean V-information (share of variance)", ylim=(min(-0.05, table["ci_low"].min()), 1))
    ax.legend(loc="upper left")
    return figure, table
