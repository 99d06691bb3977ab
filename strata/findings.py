"""Findings: claims that were tested, as plain data, and as a page to read."""

import json
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from strata import store
from strata.statistics import Estimate

QUESTIONS = {
    "1": "What do features look like, simple to complex?",
    "2": "When are they learned?",
    "3": "Where do they flow?",
    "4": "How does complexity relate to importance?",
    "appendix": "What else goes with complexity?",
    "truth": "Are known factors measured right?",
    "control": "Controls",
}


@dataclass
class Finding:
    """A claim, tested; the verdict follows from the interval alone, and is undecided where a control fails.

    Attributes
    ----------
    value, ci_low, ci_high, p_value
        The statistic over the features of all seeds, with a bootstrap interval over features (within seeds).
    n
        How many `unit` the statistic looks at.
    p_adjusted
        After Benjamini & Hochberg over all claims but the controls, which have none.
    effect, effect_name
        Its size, in a unit that can be compared with other studies.
    spearman, spearman_low, spearman_high
        The same correlation of ranks; only of correlations.
    images_low, images_high
        Jackknife interval over images, by the probes' held-out folds; only of statistics of images. Importance is that
        of all images throughout; that two folds' probes share most of what they were fitted to makes it a little narrow
        (Bengio & Grandvalet 2004).
    by_seed
        seed, value, ci_low, ci_high, verdict of each seed alone.
    seeds_sd
        Standard deviation of the value between seeds.
    figure
        Name of the figure that shows it.
    controls
        Ids of the controls that it rests on.
    """

    id: str
    question: str
    claim: str
    statistic: str
    value: float
    ci_low: float
    ci_high: float
    p_value: float
    n: int
    verdict: str
    p_adjusted: float | None = None
    effect: float | None = None
    effect_name: str = ""
    spearman: float | None = None
    spearman_low: float | None = None
    spearman_high: float | None = None
    images_low: float | None = None
    images_high: float | None = None
    by_seed: list[dict[str, Any]] = field(default_factory=list)
    seeds_sd: float | None = None
    figure: str = ""
    controls: list[str] = field(default_factory=list)
    unit: str = "features"


def estimated(whole: Estimate, each: dict[int, Estimate], verdict: Callable[[Estimate], str]) -> dict[str, Any]:
    """Return the fields of a finding that tell its estimate over all seeds, and that of each seed alone."""
    return {
        "value": whole.value,
        "ci_low": whole.low,
        "ci_high": whole.high,
        "p_value": whole.p_value,
        "verdict": verdict(whole),
        "by_seed": [
            {"seed": seed, "value": e.value, "ci_low": e.low, "ci_high": e.high, "verdict": verdict(e)}
            for seed, e in each.items()
        ],
        "seeds_sd": float(np.std([e.value for e in each.values()], ddof=1)) if len(each) > 1 else None,
    }


def write_findings(
    found: Sequence[Finding], notes: Sequence[str], run: str, settings: dict[str, Any], folder: str | Path
) -> None:
    """Write findings.json, and findings.md for reading: a paragraph a claim, then all of them in a table."""
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


def _summary(found: Sequence[Finding], settings: dict[str, Any]) -> str:
    """Say how many claims hold, and what all numbers below have in common."""
    claims = [f.verdict for f in found if f.question != "control"]
    controls = [f for f in found if f.question == "control"]
    counts = ", ".join(f"{claims.count(v)} {v}" for v in ("supported", "not supported", "undecided"))
    failed = ", ".join(f"{f.id} ({f.verdict})" for f in controls if f.verdict != "supported")
    held = f"not all controls hold: {failed}" if failed else f"all {len(controls)} controls hold"
    return (
        f"Of {len(claims)} claims: {counts}; {held}. In brackets, {settings['confidence'] * 100:g} % bootstrap "
        f"intervals over features ({settings['bootstrap']:,} resamples, within seeds); they do not cover other images "
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
