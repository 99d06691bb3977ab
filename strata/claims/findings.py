"""Findings: all claims of a run, tested and written, as data and as a page to read."""

import json
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from strata import store
from strata.claims import ground_truth, testing
from strata.claims.answers import agreement, answers, found_by_paper, lost, sentence
from strata.claims.finding import QUESTIONS, Finding
from strata.claims.numbers import defined, interval, p_value, signed
from strata.config.keys import Questions, Shapes
from strata.plain import as_code
from strata.statistics import FEWEST_GROUPS


def judged(
    found: Mapping[str, pd.DataFrame],
    settings: Questions,
    *,
    nulls: Mapping[str, Mapping[str, pd.DataFrame]],
    layers: Sequence[str],
    shapes: Shapes | None = None,
) -> tuple[list[Finding], dict[str, str]]:
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
        What came of it, and the ids of what this run cannot test, to why.
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
) -> list[str]:
    """Say what a reader of the findings should know besides: accuracy, fit of the codes, what could not be read.

    Parameters
    ----------
    features
        One row a feature and seed: class, complexity.
    codes
        How well codes reconstruct the activations, one row a seed, epoch and shard: epoch, r2, zeros, unsolved,
        ambiguous.
    history
        One row a seed and epoch of training: epoch, accuracy.
    skipped
        One row an image that could not be decoded: image.
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
    if (classes := features["class"].nunique()) < FEWEST_GROUPS:
        said.append(
            f"classes: {classes}; intervals over fewer than {FEWEST_GROUPS} are over features in place of classes, and "
            "speak of these classes alone: what holds for all such classes they cover some 75 % of the time"
        )
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
    return said


def write_findings(
    found: Sequence[Finding],
    notes: Sequence[str],
    *,
    left_out: Mapping[str, str],
    run: str,
    settings: Questions,
    folder: str | Path,
) -> None:
    """Write findings.json, left_out.json, and findings.md for reading: answers, all claims in a table, then each.

    Parameters
    ----------
    found
        The claims, tested.
    notes
        What a reader should know besides (see `notes`).
    left_out
        What this run leaves out, to why.
    run
        Its name.
    settings
        The section `questions` of the configuration.
    folder
        The folder of the run.
    """
    folder = Path(folder)
    for name, content in (("findings", [_plain(asdict(f)) for f in found]), ("left_out", dict(left_out))):
        store.write_bytes(folder / f"{name}.json", (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())
    lines = [f"# Findings of run {run}", "", *_answered(found, left_out), "", *_wrapped(_how_sure(found, settings)), ""]
    lines += [*_groups(found), "", "## All claims", "", *_about_table(), "", *markdown_table(_table_rows(found)), ""]
    for question in dict.fromkeys(f.question for f in found):
        heading = QUESTIONS[question]
        lines += [f"## {f'{question}. ' if question.isdigit() else ''}{heading}", ""]
        for f in found:
            if f.question == question:
                lines += [f"**{f.claim[0].upper()}{f.claim[1:]}: {f.verdict}.**", *_told(f), ""]
    lines += ["## Notes", "", *(f"- {note}" for note in notes)]
    lines += [*(f"- left out: {what}, because {why}" for what, why in left_out.items()), ""]
    store.write_bytes(folder / "findings.md", "\n".join(lines).encode())


def _plain(value: Any) -> Any:
    """Return what JSON can hold: no NaN."""
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return None if value != value else value


def _answered(found: Sequence[Finding], left_out: Mapping[str, str]) -> list[str]:
    """Answer the four questions, in a line each."""
    return [f"{a.question}. {a.asked} **{a.verdict}**: {a.said}" for a in answers(found, left_out)]


def _groups(found: Sequence[Finding]) -> list[str]:
    """Say which claims hold here, which of these are more than ceiling, size and nulls, and which do not hold."""
    claims = [f for f in found if f.question != "control"]
    groups: dict[str, list[str]] = {
        "Holds, and is more than ceiling, size and nulls": [],
        "Holds, and is more than its nulls; no correlation, of which ceiling and size could be held fixed": [],
        "Holds, but not apart from something simpler": [],
        "Does not hold": [],
        "Undecided": [],
    }
    whole, beyond_nulls, partly, against, undecided = groups.values()
    for f in claims:
        told = f"{f.claim} ({f.id})"
        if f.verdict == "supported":
            (partly if lost(f) else whole if f.given else beyond_nulls).append(told)
        else:
            (against if f.verdict == "not supported" else undecided).append(told)
    return [f"- **{title}** ({len(own)} of {len(claims)}): {'; '.join(own)}" for title, own in groups.items() if own]


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


def _told(f: Finding) -> list[str]:
    """Tell a finding: in a sentence, beside the paper, then a line each of what it takes to believe it."""
    lines = _wrapped(sentence(f))
    if paper := found_by_paper(f):
        lines += _wrapped(f"The paper: {paper}; {agreement(f)}.")
    facts = [f"{f.statistic}: not defined in this run (n = {f.n} {f.unit})"]
    if defined(f.value):
        facts = [f"raw: {_raw(f)}"]
        facts += _fact("also", (f"{b['what']} {interval(b)}" for b in f.beside))
        facts += [f.note] if f.note else []
        facts += _fact("held fixed or in place", (f"{g['given']} {interval(g)}" for g in f.given))
        differ = (f"{n['null']} {signed(n['value'])} (difference p {p_value(n['p_value'])})" for n in f.nulls)
        facts += _fact("nulls", differ)
        if len(f.by_seed) > 1:
            (told,) = _fact("by seed", (f"{s['seed']}: {interval(s)}" for s in f.by_seed))
            between = f"; standard deviation between seeds {f.seeds_sd:.3f}" if defined(f.seeds_sd) else ""
            facts.append(f"{told}{between}")
        if f.because and f.alone != f.verdict:
            facts.append(f"undecided, though by itself {f.alone}, because {' and '.join(f.because)}")
        facts.append(f"[figure](figures/{f.figure}.png)")
    return [*lines, *(line for fact in facts for line in _wrapped(fact, "- "))]


def _fact(name: str, told: Iterable[str]) -> list[str]:
    """Return what is told under a name, as one line; none where nothing is."""
    said = ", ".join(told)
    return [f"{name}: {said}"] if said else []


def _raw(f: Finding) -> str:
    """Tell the statistic itself, its size, and how far it hangs on images."""
    told = f"{f.statistic} = {interval(asdict(f))}, n = {f.n:,} {f.unit}, p {p_value(f.p_value)}"
    told += f" (adjusted {p_value(f.p_adjusted)})" if defined(f.p_adjusted) else ""
    told += f"; {f.effect_name} {signed(f.effect)}" if defined(f.effect) and f.effect != f.value else ""
    if defined(f.images_low) and defined(f.images_high):
        told += f"; over images [{signed(f.images_low)}, {signed(f.images_high)}]"
    return told


def _about_table() -> list[str]:
    return _wrapped(
        "A claim takes three facts to believe: raw, as the paper tells it; partial, the same with ceiling, firing rate "
        "and mean code held fixed; nulls, the same where there is nothing to find (in brackets those not beaten)."
    )


def _table_rows(found: Sequence[Finding]) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [("id", "raw [interval]", "partial [interval]", "nulls", "n", "adjusted p", "verdict")]
    for f in found:
        partial = next((interval(g) for g in f.given if g["given"] == "all of these"), "")
        nulls = ", ".join(signed(n["value"]) if n["beaten"] else f"[{signed(n['value'])}]" for n in f.nulls)
        adjusted = p_value(f.p_adjusted).removeprefix("= ") if defined(f.p_adjusted) else ""
        rows.append((f.id, interval(asdict(f)), partial, nulls, f"{f.n:,}", adjusted, f"**{f.verdict}**"))
    return rows


def _wrapped(text: str, mark: str = "") -> list[str]:
    """Wrap for a terminal, without tearing a value from what it is the value of, or an interval.

    A mark stands before the first line, and the others as far in.
    """
    held = re.sub(r" (?==|\[[+−])|(?<==) |(?<=\d,) (?=[+−])", "\u00a0", text)
    wrapper = textwrap.TextWrapper(110, mark, " " * len(mark), break_long_words=False, break_on_hyphens=False)
    return [line.replace("\u00a0", " ") for line in wrapper.wrap(held)]


def markdown_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table whose first row is its head, columns aligned for those who read the text itself."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in rows]
    return [lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]]
