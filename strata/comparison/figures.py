"""The figures of a comparison: the scorecard, spectra side by side, the same features in several networks."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from strata.comparison.scorecard import interval
from strata.figures.parts import GREY, VERDICTS
from strata.measures.stability import STABLE

SIGNS = {"supported": "✓", "not supported": "✗", "undecided": "?"}
# Of a cell of the scorecard, from its bottom (0) to its top (1): raw, given all confounds, with relative complexity.
_MARKS = {
    "": ("o", 0.50, "raw"),
    "given_all": ("D", 0.31, "given all confounds"),
    "relative": ("^", 0.15, "with relative complexity"),
}
_MISSING = "#f6f6f6"


def scorecard(score: pd.DataFrame, told: pd.DataFrame) -> Figure:
    """Draw every claim in every run: a cell of its verdict's colour, in it what is raw and what is left.

    Parameters
    ----------
    score
        Every claim in every run (see `strata.comparison.scorecard.scorecard`).
    told
        What each run is (see `strata.comparison.scorecard.about`).
    """
    runs, claims = list(told["run"]), [(str(id), own) for id, own in score.groupby("id", sort=False)]
    figure, ax = plt.subplots(figsize=(3.1 + 1.5 * len(runs), 0.52 * len(claims) + 1.7))
    nulls = list(dict.fromkeys(null for text in score["nulls"] for null in text.split("; ") if null))
    for y, (_, own) in enumerate(claims):
        ends = _ends(own)
        for x, run in enumerate(runs):
            _cell(ax, (x, len(claims) - 1 - y), own.set_index("run").loc[run], ends=ends, nulls=nulls)
    questions = [own["question"].iloc[0] for _, own in claims]
    for y in range(1, len(claims)):
        if questions[y] != questions[y - 1]:
            ax.plot([-0.02, len(runs)], [len(claims) - y] * 2, color="black", lw=0.8, clip_on=False)
    labels = [textwrap.fill(own["claim"].iloc[0], 52, max_lines=3) for _, own in claims]
    ax.set_yticks(np.arange(len(claims))[::-1] + 0.68, labels, fontsize=6, va="top")
    for y, (id, _) in zip(range(len(claims))[::-1], claims, strict=True):
        ax.annotate(id, (0, y + 0.72), (-3.5, 0), textcoords="offset points", ha="right", fontsize=6.5, weight="bold")
    ax.set_xticks(np.arange(len(runs)) + 0.5, [_header(run) for run in told.to_dict("records")], fontsize=6.5)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.set(xlim=(0, len(runs)), ylim=(0, len(claims)))
    ax.spines[:].set_visible(False)
    _legend(figure, ax, nulls)
    return figure


def _ends(own: pd.DataFrame) -> tuple[float, float]:
    """Return between which values the cells of a claim's row run: a correlation's from −1 to 1."""
    if own["statistic"].iloc[0].startswith("Spearman"):
        return -1.0, 1.0
    ends = own[["value", "ci_low", "ci_high"]].to_numpy(float)
    low, high = min(0.0, np.nanmin(ends, initial=0)), max(0.0, np.nanmax(ends, initial=0))
    return (low, high) if high > low else (-1.0, 1.0)


def _cell(
    ax: Axes, corner: tuple[float, float], row: pd.Series, *, ends: tuple[float, float], nulls: Sequence[str]
) -> None:
    x, y = corner
    tested = bool(row["verdict"])
    tint = {"facecolor": VERDICTS[row["verdict"]], "alpha": 0.22} if tested else {"facecolor": _MISSING}
    ax.add_patch(Rectangle((x + 0.015, y + 0.04), 0.97, 0.92, lw=0, **tint))
    if not tested:
        ax.text(x + 0.5, y + 0.5, "–", ha="center", va="center", color=GREY, fontsize=9)
        return
    said = interval(row, "value") if np.isfinite(row["value"]) else "not defined"
    ax.text(x + 0.05, y + 0.77, f"{SIGNS[row['verdict']]} {said}", va="center", fontsize=6)
    place = lambda value: x + 0.06 + 0.8 * (value - ends[0]) / (ends[1] - ends[0])  # noqa: E731
    ax.plot([place(0)] * 2, [y + 0.07, y + 0.6], color="black", lw=0.5)
    for name, (mark, height, _) in _MARKS.items():
        value, low, high, verdict = (row[f"{name}{end}" if name else own] for end, own in _OF.items())
        if np.isfinite(value):
            colour = VERDICTS[verdict]
            ax.plot([place(low), place(high)], [y + height] * 2, color=colour, lw=1.3, solid_capstyle="butt")
            ax.plot(place(value), y + height, mark, color=colour, ms=4.2, mec="white", mew=0.3)
    has, not_beaten = row["nulls"].split("; "), row["not_beaten"].split("; ")
    for place_of, null in enumerate(nulls):
        if null in has:
            fill = "white" if null in not_beaten else "black"
            ax.plot(x + 0.93, y + 0.5 - 0.17 * place_of, "s", mfc=fill, mec="black", mew=0.6, ms=3)


_OF = {"": "value", "_low": "ci_low", "_high": "ci_high", "_verdict": "alone"}


def _header(run: Mapping[Any, Any]) -> str:
    accuracy = f"accuracy {run['accuracy']:.2f}" if run["accuracy"] == run["accuracy"] else "accuracy unknown"
    accuracy += "" if run["learned"] else ": not learned"
    seeds = f", {run['seeds']} seeds" if run["seeds"] > 1 else ""
    name = "\n".join(textwrap.wrap(run["run"], 22))
    counts = f"{run['features']:,} features of {run['classes']:,} classes\n{run['layers']} layers"
    return f"{name}\n{counts}, {accuracy}{seeds}"


def _legend(figure: Figure, ax: Axes, nulls: Sequence[str]) -> None:
    handles: list[Any] = [
        Rectangle((0, 0), 1, 1, facecolor=colour, alpha=0.22, label=f"{SIGNS[verdict]} {verdict}")
        for verdict, colour in VERDICTS.items()
    ]
    handles.append(Rectangle((0, 0), 1, 1, facecolor=_MISSING, label="– not tested in this run"))
    for mark, _, label in _MARKS.values():
        handles += ax.plot([], [], f"{mark}-", color="#444444", ms=3.5, lw=1.3, label=label)
    handles += ax.plot([], [], "s", mfc="black", mec="black", ms=3.5, label="passes a null")
    handles += ax.plot([], [], "s", mfc="white", mec="black", ms=3.5, label="no more than in it")
    order = f"Nulls, top to bottom: {', '.join(nulls)}. " if nulls else ""
    title = (
        f"{order}Colours of marks: what each would decide by itself. "
        "Line: 0; ρ from −1 to 1, other statistics from their row's smallest to its largest."
    )
    inches = figure.get_size_inches()[0]
    wrapped = textwrap.fill(title, int(17 * inches))
    figure.legend(handles=handles, loc="outside lower center", ncols=int(inches / 1.7), title=wrapped, title_fontsize=7)


def spectra(features: pd.DataFrame) -> Figure:
    """Draw the distributions of complexity and of relative complexity, a row a run.

    Parameters
    ----------
    features
        One row a feature and run: run, complexity, relative_complexity.
    """
    runs = list(dict.fromkeys(features["run"]))
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 0.75 * len(runs) + 0.9), sharex=True, sharey=True)
    titles = {"complexity": "complexity K", "relative_complexity": "relative complexity"}
    for ax, column, label in zip(axes, titles, titles.values(), strict=True):
        for y, run in zip(range(len(runs))[::-1], runs, strict=True):
            _spectrum(ax, y, features.loc[features["run"] == run, column])
        ax.set(xlim=(-0.02, 1.02), ylim=(-0.25, len(runs) - 0.1), xlabel=label)
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
    axes[0].set_yticks(range(len(runs))[::-1], ["\n".join(textwrap.wrap(run, 18)) for run in runs], va="bottom")
    return figure


def _spectrum(ax: Axes, y: float, values: pd.Series) -> None:
    """Draw a distribution in viridis, with its median and its 10th to 90th percentile."""
    known = values.dropna().to_numpy(float)
    lacking = f", {len(values) - len(known)} missing" if len(known) < len(values) else ""
    ax.axhline(y, color="#cccccc", lw=0.5)
    if not len(known):
        ax.text(0.5, y + 0.3, "–", ha="center", va="center", color=GREY)
        return
    counts, edges = np.histogram(known, bins=np.linspace(0, 1, 51))
    middle = (edges[:-1] + edges[1:]) / 2
    ax.bar(middle, 0.62 * counts / counts.max(), width=0.02, bottom=y, color=plt.get_cmap("viridis")(middle))
    low, median, high = np.quantile(known, [0.1, 0.5, 0.9])
    ax.plot([low, high], [y - 0.09] * 2, color="black", lw=1.6, solid_capstyle="butt")
    ax.plot(median, y - 0.09, "o", color="black", mfc="white", ms=3.5)
    text = f"n = {len(known):,}{lacking}; median {median:.2f}, 10th to 90th percentile {high - low:.2f} wide"
    ax.text(0.0, y + 0.68, text, fontsize=6, va="bottom")


def matched(table: pd.DataFrame, pairs: pd.DataFrame, *, unmatched: Sequence[str]) -> Figure:
    """Draw complexity in one network against that of the same features in another, a row of panels two runs.

    Parameters
    ----------
    table
        Matched features (see `strata.comparison.matched.matched`).
    pairs
        How they agree (see `strata.comparison.matched.agreement`).
    unmatched
        Why runs were not matched, and which.
    """
    if pairs.empty:
        return _said(["No two of these runs could be matched.", *unmatched])
    figure, axes = plt.subplots(len(pairs), 2, figsize=(7.2, 3.3 * len(pairs)), squeeze=False)
    for row, pair in zip(axes, pairs.to_dict("records"), strict=True):
        own = table[(table["run"] == pair["run"]) & (table["other_run"] == pair["other_run"])]
        for ax, column, label in zip(
            row, ("complexity", "relative_complexity"), ("complexity K", "relative complexity"), strict=True
        ):
            ax.plot([0, 1], [0, 1], color="#cccccc", lw=0.8, zorder=0)
            points = ax.scatter(
                own[column],
                own[f"other_{column}"],
                c=own["correlation"].fillna(0),
                cmap="Blues",
                vmin=0,
                vmax=1,
                s=16,
                lw=0.4,
                edgecolors="#555555",
                rasterized=len(own) > 2000,
            )
            ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
            ax.set(xlabel=f"{label} in {pair['run']}", ylabel=f"{label} in\n{pair['other_run']}")
        row[0].set_title(
            f"ρ = {interval(pair, 'rho')}, n = {pair['n']}\n"
            f"codes r ≥ {STABLE:g}: ρ = {interval(pair, 'rho_same')}, "
            f"n = {pair['n_same']}",
            fontsize=7,
        )
        row[1].set_title(
            f"ρ = {interval(pair, 'rho_relative')}\n{pair['images']:,} images in common",
            fontsize=7,
        )
        figure.colorbar(points, ax=list(row), label="correlation of codes", shrink=0.8)
    return figure


def _said(lines: Sequence[str]) -> Figure:
    """Draw some lines of text in place of what there is nothing to draw of."""
    text = "\n".join(textwrap.fill(line, 90) for line in lines)
    figure, ax = plt.subplots(figsize=(6.5, 0.16 * text.count("\n") + 0.6))
    ax.text(0, 0.5, text, va="center", fontsize=7.5, color=GREY)
    ax.axis("off")
    return figure
