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
from strata.claims.finding import Finding, bounds_of
from strata.claims.numbers import defined, with_interval
from strata.config.keys import Questions
from strata.figures.parts import (
    BLUE,
    COLOURS,
    GREEN,
    GREY,
    ORANGE,
    SHAPES,
    VERDICTS,
    WIDTHS,
    Drawn,
    band,
    mean,
    panels,
    plain_numbers,
)


def findings(findings: Sequence[Finding]) -> Drawn:
    """Draw every claim: its value with an interval, where it has to lie, its nulls, its verdict and the reason for it.

    Parameters
    ----------
    findings
        The claims, tested.
    """
    figure, ax = plt.subplots(figsize=(WIDTHS["double"], 0.42 * len(findings) + 1))
    rows = np.arange(len(findings))[::-1]
    known = [x for f in findings for x in (f.value, f.ci_low, f.ci_high, f.bound) if defined(x)]
    low, high = min([-1, *known]) - 0.05, max([1, *known]) + 0.05
    for row, f in zip(rows, findings, strict=True):
        _where_it_lies(ax, row, f, low, high)
        text = "not defined"
        if defined(f.value):
            _interval(ax, row, (f.value, f.ci_low, f.ci_high), f.verdict)
            text = with_interval(f.value, (f.ci_low, f.ci_high))
        for null in f.nulls:
            ax.plot(null["value"], row - 0.24, "|", color="black", ms=4, mew=0.8)
        if f.images_low is not None:
            ax.plot(np.array([f.images_low, f.images_high], float), [row + 0.24] * 2, "|-", color="black", lw=0.7, ms=4)
        if len(f.by_seed) > 1:
            values = [seed["value"] for seed in f.by_seed if seed["value"] is not None]
            ax.plot(values, [row - 0.12] * len(values), "o", mfc="none", mec="black", mew=0.6, ms=3)
        why = textwrap.shorten("; ".join(f.because), 84, placeholder=" …")
        told = "\n".join([f"{text}  {f.verdict}", *textwrap.wrap(why, 44)])
        ax.annotate(told, (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=5.5)
    for above, row in zip(findings[:-1], rows[:-1], strict=True):
        if above.question != findings[len(findings) - row].question:
            ax.axhline(row - 0.5, color="#cccccc", lw=0.5)
    ax.set_yticks(rows, [textwrap.fill(f"{f.claim} ({f.id})", 52) for f in findings], fontsize=5.5)
    ax.set(
        xlim=(low, high),
        ylim=(-0.6, len(findings) - 0.4),
        xlabel="ρ, or a difference in complexity,\nV-information or loss, or a ratio (no units)",
    )
    _tell_verdicts(ax)
    ax.plot([], [], lw=6, color=_LIES, label="where the claim has to lie")
    if any(f.nulls for f in findings):
        ax.plot([], [], "|", color="black", ms=4, mew=0.8, label="a null")
    if any(f.images_low is not None for f in findings):
        ax.plot([], [], "|-", color="black", lw=0.7, ms=4, label="interval over images")
    if any(len(f.by_seed) > 1 for f in findings):
        ax.plot([], [], "o", mfc="none", mec="black", mew=0.6, ms=3, label="one seed")
    figure.legend(loc="outside upper center", ncols=4, columnspacing=1, handlelength=1.5)
    return figure, pd.DataFrame([_numbers(f) for f in findings])


def _where_it_lies(ax: Axes, row: float, f: Finding, low: float, high: float) -> None:
    """Shade where a claim's statistic has to lie, and draw the threshold."""
    ends = np.clip(bounds_of(f.side, f.bound), low, high)
    ax.fill_between(ends, row - 0.36, row + 0.36, color=_LIES, lw=0, zorder=0)
    for bound in {float(end) for end in ends if end not in (low, high)}:
        ax.plot([bound, bound], [row - 0.36, row + 0.36], color="black", lw=0.6)


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
    shown = [f for f in findings if f.nulls and defined(f.value)]
    names = list(dict.fromkeys(null["null"] for f in shown for null in f.nulls))
    figure, ax = plt.subplots(figsize=(7, 0.36 * len(shown) + 1.1))
    rows = np.arange(len(shown))[::-1]
    table = []
    for row, f in zip(rows, shown, strict=True):
        _interval(ax, row, (f.value, f.ci_low, f.ci_high), f.verdict)
        table.append({"id": f.id, "of": "this run", "value": f.value, "beaten": ""})
        for null in f.nulls:
            place = names.index(null["null"])
            ax.plot(null["value"], row - 0.13 * (place + 1), _MARKS[place], color=COLOURS[place + 3], ms=4)
            table.append({"id": f.id, "of": null["null"], "value": null["value"], "beaten": null["beaten"]})
    ax.axvline(0, color="black", lw=0.6)
    ax.set_yticks(rows, [textwrap.fill(f"{f.claim} ({f.id})", 60) for f in shown], fontsize=6)
    ax.set(ylim=(-0.8, len(shown) - 0.5), xlabel="ρ, or a difference in complexity or loss (no units)")
    _tell_verdicts(ax, of="this run: ")
    for place, name in enumerate(names):
        ax.plot([], [], _MARKS[place], color=COLOURS[place + 3], ms=4, label=name)
    figure.legend(loc="outside upper center", ncols=3, columnspacing=1, handlelength=1.5)
    return figure, pd.DataFrame(table, columns=["id", "of", "value", "beaten"])


def confounds(findings: Sequence[Finding]) -> Drawn:
    """Draw what is left of every correlation when what it may owe to something simpler is held fixed.

    Parameters
    ----------
    findings
        The claims, tested.
    """
    shown = [f for f in findings if f.given and defined(f.value)]
    ways = list(dict.fromkeys(given["given"] for f in shown for given in f.given))
    figure, axes = plt.subplots(1, len(ways) + 1, figsize=(7.4, 0.3 * len(shown) + 1.3), sharex=True, sharey=True)
    rows = np.arange(len(shown))[::-1]
    table = []
    for ax, way in zip(axes, ["raw", *ways], strict=True):
        for row, f in zip(rows, shown, strict=True):
            raw = {"given": "raw", "value": f.value, "ci_low": f.ci_low, "ci_high": f.ci_high, "verdict": f.alone}
            for told in [raw, *f.given]:
                if told["given"] == way and defined(told["value"]):
                    ends = (told["value"], told["ci_low"], told["ci_high"])
                    _interval(ax, row, ends, told["verdict"])
                    table.append({"id": f.id, **told})
        ax.axvline(0, color="black", lw=0.6)
        ax.set_title(textwrap.fill(f"given {way}" if way in CONFOUNDS else way, 17), fontsize=7)
        ax.tick_params(axis="y", length=0)
    axes[0].set_yticks(rows, [f.id for f in shown], fontsize=6.5)
    axes[0].set(xlim=(-1.05, 1.05), ylim=(-0.6, len(shown) - 0.4))
    figure.supxlabel("Spearman ρ; colour and shape: what it alone would decide", fontsize=7.5)
    _tell_verdicts(axes[0])
    figure.legend(loc="outside upper center", ncols=3, columnspacing=1, handlelength=1.5)
    return figure, pd.DataFrame(table)


_MARKS = ("s", "^", "v", "<")
_LIES = "#e8eef5"


def _tell_verdicts(ax: Axes, of: str = "") -> None:
    """Name the colours and shapes of verdicts in the legend."""
    for verdict, colour in VERDICTS.items():
        ax.plot([], [], lw=2, color=colour, **SHAPES[verdict], label=f"{of}{verdict}")


def _interval(ax: Axes, row: float, told: tuple[float, float, float], verdict: str) -> None:
    """Draw a value with its interval, as its verdict has it."""
    value, low, high = told
    ax.plot([low, high], [row, row], color=VERDICTS[verdict], lw=2, solid_capstyle="butt")
    ax.plot(value, row, color=VERDICTS[verdict], **SHAPES[verdict])


def training(history: pd.DataFrame) -> Drawn:
    """Draw test loss and accuracy by epoch, a line a seed.

    Parameters
    ----------
    history
        One row a seed and epoch: seed, epoch, loss, accuracy.
    """
    figure, axes = panels(2, height=2.4)
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
    figure, (ax,) = panels(1, height=3.2)
    for group, line in table.groupby("group", sort=False):
        x = np.arange(len(line))
        band(ax, x, table=line, column="vinfo", colour=colours[str(group)], label=f"{group}, n = {line['n'].iloc[0]}")
    ax.axhline(0, color="black", lw=0.6)
    ax.set_xticks(x, layers, rotation=45, ha="right", rotation_mode="anchor")
    ax.set(ylabel="mean V-information (share of variance)", ylim=(min(-0.05, table["ci_low"].min()), 1))
    ax.legend(loc="upper left")
    return figure, table
