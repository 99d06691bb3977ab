"""Claims on a page: what came of each in a sentence, beside the paper, and the same under alternatives and nulls."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from strata.claims.answers import agreement, found_by_paper, sentence
from strata.claims.claim import CONFOUNDS
from strata.claims.finding import Finding
from strata.claims.numbers import defined, interval, p_value, signed


@dataclass(frozen=True)
class Row:
    """A line of a claim's table.

    Attributes
    ----------
    what
        The number is of.
    value
        With its interval.
    n
        How many it looks at, and of what; empty where that is said above.
    verdict
        What it decides by itself; empty where it decides nothing.
    says
        What it says besides.
    """

    what: str
    value: str
    n: str = ""
    verdict: str = ""
    says: str = ""


@dataclass(frozen=True)
class Claim:
    """A claim on a page.

    Attributes
    ----------
    finding
        The claim, tested.
    said
        What came of it, in a sentence.
    paper, agreement
        What the paper found, and whether this run agrees; empty where the paper looked at nothing of the kind.
    rows
        The same number under alternatives, and where there is nothing to find.
    """

    finding: Finding
    said: str
    paper: str
    agreement: str
    rows: Sequence[Row]


def shown(f: Finding) -> Claim:
    """Return a claim as a page shows it.

    Parameters
    ----------
    f
        The claim, tested.
    """
    return Claim(f, sentence(f), found_by_paper(f), agreement(f), [*_own(f), *_alternatives(f), *_nulls(f)])


def _own(f: Finding) -> list[Row]:
    """Return the number itself, and that of every network."""
    told = f"p {p_value(f.p_value)}" if defined(f.p_value) else ""
    told += f", adjusted {p_value(f.p_adjusted)}" if defined(f.p_adjusted) else ""
    rows = [Row("this run", interval(asdict(f)), f"{f.n:,} {f.unit}", f.alone, told)]
    if defined(f.effect) and f.effect != f.value:
        rows.append(Row(f.effect_name, signed(f.effect), says="effect size"))
    if defined(f.images_low) and defined(f.images_high):
        rows.append(Row("interval over images", f"[{signed(f.images_low)}, {signed(f.images_high)}]"))
    if len(f.by_seed) > 1:
        rows += [Row(f"seed {one['seed']} alone", interval(one), verdict=one["verdict"]) for one in f.by_seed]
    return rows


def _alternatives(f: Finding) -> list[Row]:
    """Return the number with something held fixed or put in place, and others beside it."""
    rows = [Row(_way(given["given"]), interval(given), f"{given['n']:,}", given["verdict"]) for given in f.given]
    return rows + [Row(other["what"], interval(other)) for other in f.beside]


def _way(name: str) -> str:
    if name in CONFOUNDS:
        return f"{name} held fixed"
    return f"with {name}" if name.startswith("relative") else f"{name} alone"


def _nulls(f: Finding) -> list[Row]:
    """Return the number where there is nothing to find."""
    return [Row(f"null: {null['null']}", signed(null["value"]), says=_beaten(null)) for null in f.nulls]


def _beaten(null: Mapping[str, Any]) -> str:
    return f"{'beaten' if null['beaten'] else 'not beaten'} (difference p {p_value(null['p_value'])})"
