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
from strata.claims.claim import CONFOUNDS
from strata.claims.finding import QUESTIONS, Finding
from strata.config.keys import Questions, Shapes
from strata.plain import as_code


def judged(
    found: Mapping[str, pd.DataFrame],
    settings: Questions,
    *,
    nulls: Mapping[str, Mapping[str, pd.DataFrame]],
    layers: Sequence[str],
    shapes: Shapes | None = None,
) -> tuple[list[Finding], list[str]]:
    """Test every claim that a run's tables allow.

    Parameters
    ----------
    found
        Tables by their names (see `strata.claims.testing.findings`); with `factor_errors`,
        `calibration_errors` and `interventions`, where images are made here.
    settings
        The section `questions` of the configuration.
    nulls
        What nulls are called, to their tables.
    layers
        Those that complexity is the mean over.
    shapes
        What images are made from, where they are made here.

    Returns
    -------
    findings, left_out
        What came of it, and what this run cannot test.
    """
    looked_at = _looked_at(found)
    others = {name: _looked_at(own) for name, own in nulls.items()}
    also = []
    if shapes:
        factors = {name: found[name] for name in ("factor_errors", "calibration_errors", "interventions")}
        also = ground_truth.findings(**factors, layers=layers, shapes=shapes, settings=settings)
    return testing.findings(settings, also=also, nulls=others, **looked_at), testing.left_out(settings, **looked_at)


def by_null(tables: Mapping[str, pd.DataFrame], called: Mapping[str, str]) -> dict[str, dict[str, pd.DataFrame]]:
    """Return the tables of every null, by what it is called.

    Parameters
    ----------
    tables
        Of all nulls together, whose names are in the column `null`.
    called
        Name of a null to what it is called.
    """
    names = tables["features"]["null"].unique()
    return {called[null]: {name: own[own["null"] == null] for name, own in tables.items()} for null in names}


def _looked_at(found: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    return {name: table for name, table in found.items() if name in testing.TABLES}


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
        How well codes reconstruct the activations, one row a seed, epoch and shard: epoch, r2, zeros, unsolved,
        ambiguous.
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
        f"{last['unsolved'].sum()} images unsolved, {last['ambiguous'].sum()} not unique",
        f"features without V-information (constant code), left out of the claims: {constant} of {len(features)}",
    ]
    if "complexity_extrapolated" in features:
        trusted = features.dropna(subset=["complexity_extrapolated"])
        said.append(
            "complexity extrapolated to images without number: can be trusted for "
            f"{len(trusted)} of {len(features)} features, of which it falls by "
            f"{(trusted['complexity'] - trusted['complexity_extrapolated']).mean():.3f} on average"
        )
    if len(skipped):
        names = ", ".join(map(as_code, skipped["image"].head(5)))
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
    lines = [f"# Findings of run {run}", "", *_wrapped(_how_sure(found, settings)), "", *_headlines(found), ""]
    for question in dict.fromkeys(f.question for f in found):
        heading = QUESTIONS[question]
        lines += [f"## {f'{question}. ' if question.isdigit() else ''}{heading}", ""]
        for f in found:
            if f.question == question:
                lines += [f"**{f.claim[0].upper()}{f.claim[1:]}: {f.verdict}.**", *_wrapped(_told(f)), ""]
    lines += ["## All claims", "", *markdown_table(_table_rows(found)), "", "## Notes", ""]
    lines += [*(f"- {note}" for note in notes), ""]
    store.write_bytes(folder / "findings.md", "\n".join(lines).encode())


def _plain(value: Any) -> Any:
    """Return what JSON can hold: no NaN."""
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return None if value != value else value


def _headlines(found: Sequence[Finding]) -> list[str]:
    """Say in a line a claim what of the paper holds, what of that is more than ceiling, size and nulls."""
    claims = [f for f in found if f.question != "control"]
    groups: dict[str, list[Finding]] = {
        "Holds, and is more than ceiling, size and nulls": [],
        "Holds, and is more than its nulls; no correlation, of which ceiling and size could be held fixed": [],
        "Holds, but not apart from something simpler": [],
        "Does not hold": [],
        "Undecided": [],
    }
    whole, beyond_nulls, partly, against, undecided = groups.values()
    for f in claims:
        if f.verdict == "supported":
            (partly if lost(f) else whole if f.given else beyond_nulls).append(f)
        else:
            (against if f.verdict == "not supported" else undecided).append(f)
    lines = []
    for title, members in groups.items():
        if members:
            lines += [f"**{title}** ({len(members)} of {len(claims)})", *map(_headline, members), ""]
    return lines[:-1]


def _headline(f: Finding) -> str:
    told = f"{f.value:+.2f} [{f.ci_low:+.2f}, {f.ci_high:+.2f}]" if _defined(f.value) else "not defined"
    why = [*f.because, *lost(f)] if f.verdict != "not supported" else []
    return f"- {f.claim}: {told}{'; ' if why else ''}{'; '.join(why)}"


def lost(f: Finding) -> list[str]:
    """Return with what held fixed a correlation that is supported does not hold, in words."""
    return [
        f"{'given ' if g['given'] in CONFOUNDS else ''}{g['given']} "
        + (f"{g['value']:+.2f}" if _defined(g["value"]) else "not defined")
        for g in f.given
        if f.alone == "supported" and g["verdict"] != "supported"
    ]


def _how_sure(found: Sequence[Finding], settings: Questions) -> str:
    """Say what intervals cover, and how verdicts follow."""
    claims = [f for f in found if f.question != "control"]
    seeds = max((len(f.by_seed) for f in claims), default=1)
    failed = [f"{f.id} ({f.verdict})" for f in found if f.question == "control" and f.verdict != "supported"]
    of = (
        "One network: intervals are over its classes (of support, over test images), and say nothing of other networks."
        if seeds == 1
        else f"{seeds} networks, a statistic each: intervals are over networks."
    )
    return (
        f"How sure: {of} In brackets, {settings.confidence * 100:g} %. Supported is what lies within what it names, "
        f"with a p-value (Benjamini–Hochberg over {len(claims)} claims) below {1 - settings.confidence:.2g}, and "
        f"differs from every null. Controls that do not hold: {', '.join(failed) or 'none'}."
    )


def _told(f: Finding) -> str:
    """Tell a finding in sentences."""
    if not _defined(f.value):
        return f"{f.statistic}: not defined in this run (n = {f.n} {f.unit})."
    parts = [f"{f.statistic} = {_interval(f.value, f.ci_low, f.ci_high)}, n = {f.n:,} {f.unit}, p {_p(f.p_value)}"]
    if _defined(f.p_adjusted):
        parts[0] += f" (adjusted {_p(f.p_adjusted)})"
    if _defined(f.effect) and f.effect != f.value:
        parts.append(f"{f.effect_name} {f.effect:+.3f}")
    if _defined(f.images_low):
        parts.append(f"over images [{f.images_low:+.3f}, {f.images_high:+.3f}]")
    parts += [f"{b['what']} {_interval(b['value'], b['ci_low'], b['ci_high'])}" for b in f.beside]
    said = "; ".join(parts) + "."
    if f.note:
        said += f" {f.note[0].upper()}{f.note[1:]}."
    if f.given:
        held = (f"{g['given']} {_interval(g['value'], g['ci_low'], g['ci_high'])}" for g in f.given)
        said += f" Held fixed or in place: {', '.join(held)}."
    if f.nulls:
        nulls = (f"{n['null']} {n['value']:+.3f} (difference p {_p(n['p_value'])})" for n in f.nulls)
        said += f" Nulls: {', '.join(nulls)}."
    if len(f.by_seed) > 1:
        values = ", ".join(f"{s['seed']}: {_interval(s['value'], s['ci_low'], s['ci_high'])}" for s in f.by_seed)
        between = f"; standard deviation between seeds {f.seeds_sd:.3f}" if _defined(f.seeds_sd) else ""
        said += f" By seed, {values}{between}."
    if f.because and f.alone != f.verdict:
        said += f" Undecided, though by itself {f.alone}, because {' and '.join(f.because)}."
    return f"{said} [Figure](figures/{f.figure}.png)."


def _table_rows(found: Sequence[Finding]) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [("id", "value [interval]", "n", "adjusted p", "verdict")]
    for f in found:
        value = _interval(f.value, f.ci_low, f.ci_high)
        rows.append(
            (
                f.id,
                value,
                f"{f.n:,}",
                _p(f.p_adjusted).removeprefix("= ") if _defined(f.p_adjusted) else "",
                f"**{f.verdict}**",
            )
        )
    return rows


def _defined(value: float | None) -> bool:
    return value is not None and value == value


def _interval(value: Any, low: Any, high: Any) -> str:
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]" if _defined(value) else "not defined"


def _p(value: Any) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.2g}"


def _wrapped(text: str) -> list[str]:
    """Wrap for a terminal, without tearing a value from what it is the value of, or an interval."""
    held = re.sub(r" (?==|\[[+-])|(?<==) |(?<=\d,) (?=[+-])", "\u00a0", text)
    lines = textwrap.wrap(held, 110, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\u00a0", " ") for line in lines]


def markdown_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table whose first row is its head, columns aligned for those who read the text itself."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in rows]
    return [lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]]
