"""Findings: all claims of a run, tested and written, as data and as a page to read."""

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from strata import store
from strata.claims import ground_truth, testing
from strata.claims.finding import QUESTIONS, Finding
from strata.config.keys import Questions, Shapes


def judged(
    found: Mapping[str, pd.DataFrame],
    settings: Questions,
    *,
    layers: Sequence[str],
    shapes: Shapes | None = None,
) -> tuple[list[Finding], list[str]]:
    """Test every claim that a run's tables allow.

    Parameters
    ----------
    found
        Tables by their names (see `strata.claims.testing.findings`); with `factor_errors` and `interventions`, where
        images are made here.
    settings
        The section `questions` of the configuration.
    layers
        Those that complexity is the mean over.
    shapes
        What images are made from, where they are made here.

    Returns
    -------
    findings, left_out
        What came of it, and what this run cannot test.
    """
    looked_at = {name: table for name, table in found.items() if name in testing.TABLES}
    also = []
    if shapes:
        factors = (found["factor_errors"], found["interventions"])
        also = ground_truth.findings(*factors, layers=layers, shapes=shapes, settings=settings)
    return testing.findings(settings, also, **looked_at), testing.left_out(settings, **looked_at)


def notes(
    features: pd.DataFrame,
    codes: pd.DataFrame,
    *,
    history: pd.DataFrame,
    skipped: pd.DataFrame,
    left_out: Sequence[str],
) -> list[str]:
    """Say what a reader of the findings should know besides: accuracy, fit of the codes, what is missing.

    Parameters
    ----------
    features
        One row a feature and seed.
    codes
        How well codes reconstruct the activations, one row a seed, epoch and shard: epoch, r2, zeros, unsolved.
    history
        One row a seed and epoch of training: epoch, accuracy.
    skipped
        One row an image that could not be decoded: image.
    left_out
        What this run cannot test (see `judged`).
    """
    last = codes[codes["epoch"] == codes["epoch"].max()]
    accuracy = history[history["epoch"] == history["epoch"].max()]["accuracy"]
    constant = int(features["complexity"].isna().sum())
    said = [
        f"accuracy on test images after the last epoch: {accuracy.mean():.4f}"
        if accuracy.notna().all()
        else "accuracy: not measured, because the head tells other classes than those of the images",
        f"codes of the last checkpoint: R² {last['r2'].mean():.4f}, {last['zeros'].mean():.1%} zeros, "
        f"{last['unsolved'].sum()} images unsolved",
        f"features without V-information (constant code), left out of the claims: {constant} of {len(features)}",
    ]
    if len(skipped):
        names = ", ".join(skipped["image"].head(5))
        more = " …" if len(skipped) > 5 else ""
        said.append(f"unreadable images, skipped: {len(skipped)} ({names}{more}; all in images/*-skipped.csv)")
    return said + [f"left out: {what}" for what in left_out]


def write_findings(
    found: Sequence[Finding], notes: Sequence[str], *, run: str, settings: Questions, folder: str | Path
) -> None:
    """Write findings.json, and findings.md for reading: a paragraph a claim, then all of them in a table.

    Parameters
    ----------
    found
        The claims, tested.
    notes
        What a reader should know besides (see `notes`).
    run
        Its name.
    settings
        The section `questions` of the configuration.
    folder
        The folder of the run.
    """
    folder = Path(folder)
    content = json.dumps([_plain(asdict(f)) for f in found], indent=1, allow_nan=False) + "\n"
    store.write_bytes(folder / "findings.json", content.encode())
    verdicts = {f.id: f.verdict for f in found}
    lines = [f"# Findings of run {run}", "", *_wrapped(_summary(found, settings)), ""]
    for question in dict.fromkeys(f.question for f in found):
        heading = QUESTIONS[question]
        lines += [f"## {f'{question}. ' if question.isdigit() else ''}{heading}", ""]
        for f in found:
            if f.question == question:
                lines += [f"**{f.claim[0].upper()}{f.claim[1:]}: {f.verdict}.**", *_wrapped(_told(f, verdicts)), ""]
    lines += ["## All claims", "", *_markdown_table(_table_rows(found)), "", "## Notes", ""]
    lines += [*(f"- {note}" for note in notes), ""]
    store.write_bytes(folder / "findings.md", "\n".join(lines).encode())


def _plain(value: Any) -> Any:
    """Return what JSON can hold: no NaN."""
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return None if value != value else value


def _summary(found: Sequence[Finding], settings: Questions) -> str:
    """Say how many claims hold, and what all numbers below have in common."""
    claims = [f.verdict for f in found if f.question != "control"]
    controls = [f for f in found if f.question == "control"]
    counts = ", ".join(f"{claims.count(v)} {v}" for v in ("supported", "not supported", "undecided"))
    failed = ", ".join(f"{f.id} ({f.verdict})" for f in controls if f.verdict != "supported")
    held = f"not all controls hold: {failed}" if failed else f"all {len(controls)} controls hold"
    return (
        f"Of {len(claims)} claims: {counts}; {held}. In brackets, {settings.confidence * 100:g} % bootstrap "
        f"intervals over features ({settings.bootstrap:,} resamples, within seeds); they do not cover other images "
        f"or other networks, for which see the intervals over images and the values per seed, where there are any. A "
        f"verdict follows from the interval alone: supported if all of it lies within what the claim names, not "
        f"supported if all of it lies outside, undecided otherwise or where a control fails. p-values are two-sided "
        f"(of claims within ±, for equivalence), and adjusted over the {len(claims)} claims (Benjamini–Hochberg)."
    )


def _told(f: Finding, verdicts: dict[str, str]) -> str:
    """Tell a finding in sentences."""
    if not _defined(f.value):
        return f"{f.statistic}: not defined in this run (n = {f.n} {f.unit})."
    parts = [f"{f.statistic} = {_interval(f.value, f.ci_low, f.ci_high)}, n = {f.n:,} {f.unit}, p = {_p(f.p_value)}"]
    if _defined(f.p_adjusted):
        parts[0] += f" (adjusted {_p(f.p_adjusted)})"
    if _defined(f.effect) and f.effect != f.value:
        parts.append(f"effect size: {f.effect:.2f} ({f.effect_name})")
    if _defined(f.spearman):
        parts.append(f"Spearman {_interval(f.spearman, f.spearman_low, f.spearman_high)}")
    if _defined(f.images_low):
        parts.append(f"over images [{f.images_low:+.3f}, {f.images_high:+.3f}]")
    said = "; ".join(parts) + "."
    if len(f.by_seed) > 1:
        values = ", ".join(f"{s['seed']}: {_interval(s['value'], s['ci_low'], s['ci_high'])}" for s in f.by_seed)
        between = f"; standard deviation between seeds {f.seeds_sd:.3f}" if _defined(f.seeds_sd) else ""
        said += f" By seed, {values}{between}."
    failed = [f"{control} ({verdicts[control]})" for control in f.controls if verdicts[control] != "supported"]
    if failed:
        said += f" Undecided whatever the value, because it rests on {' and '.join(failed)}."
    return f"{said} [Figure](figures/{f.figure}.png)."


def _table_rows(found: Sequence[Finding]) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [("id", "value [interval]", "n", "adjusted p", "verdict")]
    for f in found:
        value = _interval(f.value, f.ci_low, f.ci_high)
        rows.append((f.id, value, f"{f.n:,}", _p(f.p_adjusted) if _defined(f.p_adjusted) else "", f"**{f.verdict}**"))
    return rows


def _defined(value: float | None) -> bool:
    return value is not None and value == value


def _interval(value: Any, low: Any, high: Any) -> str:
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]" if _defined(value) else "not defined"


def _p(value: Any) -> str:
    return f"{value:.2g}"


def _wrapped(text: str) -> list[str]:
    """Wrap for a terminal, without tearing a value from what it is the value of, or an interval."""
    held = re.sub(r" (?==|\[[+-])|(?<==) |(?<=\d,) (?=[+-])", "\u00a0", text)
    lines = textwrap.wrap(held, 110, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\u00a0", " ") for line in lines]


def _markdown_table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in rows]
    return [lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]]
