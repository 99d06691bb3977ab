"""Answers: what came of a claim, and of each of the four questions, in a sentence that a person would say.

They follow from the findings alone, by one rule for all claims: what the number says, then whether its nulls say as
much, then whether it holds among features that are alike in something simpler.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strata.claims.claim import CONFOUNDS, Said
from strata.claims.finding import QUESTIONS, Finding
from strata.claims.numbers import MINUS, defined, p_value, plain
from strata.claims.registry import CLAIMS

NOT_TESTED = "not tested"
NULL = "no more than in the null "  # how `Finding.because` begins where a null is not beaten
_SMALL = 0.05  # numbers below take a digit more
_CLAIMS = {claim.id: claim for claim in CLAIMS}


@dataclass(frozen=True)
class Answer:
    """The answer to a question.

    Attributes
    ----------
    question
        A key of `strata.claims.finding.QUESTIONS`.
    verdict
        That of the finding that answers it; `NOT_TESTED` where there is none.
    said
        The answer, in a sentence.
    finding
        Id of that finding; empty where there is none.
    """

    question: str
    verdict: str
    said: str
    finding: str = ""

    @property
    def asked(self) -> str:
        """The question, in words."""
        return QUESTIONS[self.question]


def answers(found: Sequence[Finding], left_out: Mapping[str, str]) -> list[Answer]:
    """Answer the four questions, each by the first of its claims.

    Parameters
    ----------
    found
        The claims, tested.
    left_out
        What the run leaves out, to why (see `strata.claims.findings.judged`).
    """
    told = []
    for question in filter(str.isdigit, QUESTIONS):
        first = next((f for f in found if f.question == question), None)
        if first:
            told.append(Answer(question, first.verdict, sentence(first), first.id))
        else:
            told.append(Answer(question, NOT_TESTED, _not_tested(question, left_out)))
    return told


def _not_tested(question: str, left_out: Mapping[str, str]) -> str:
    own = [claim.id for claim in CLAIMS if claim.question == question]
    why = [left_out[what] for what in (f"question {question}", *own) if what in left_out]
    return f"Not tested in this run{f', because {why[0]}' if why else ''}."


def sentence(f: Finding) -> str:
    """Return what came of a claim, in a sentence.

    Parameters
    ----------
    f
        The claim, tested.
    """
    said = _said(f)
    gates = [why for why in f.because if not why.startswith(NULL)]
    if not defined(f.value):
        told = f"this run cannot tell whether {said.yes}, because the number is not defined in it"
    elif gates:
        told = f"this run cannot tell whether {said.yes}, because {' and '.join(gates)}"
    elif f.alone == "undecided":
        told = f"this run cannot tell whether {said.yes}: {_number(f)}, {_why_open(f)}"
    elif f.alone == "not supported":
        told = f"{said.opposite if is_opposite(f) else said.no} ({_number(f)})"
    else:
        told = f"{said.yes} ({_number(f)}){_beside_nulls(f)}"
    return f"{told[0].upper()}{told[1:]}."


def agreement(f: Finding) -> str:
    """Return whether a run agrees with what the paper found; empty where the paper found nothing of the kind.

    Parameters
    ----------
    f
        The claim, tested.
    """
    if not found_by_paper(f):
        return ""
    if f.verdict == "supported":
        return "this run agrees" + (", as far as the plain correlation goes" if lost(f) else "")
    if f.verdict == "not supported":
        return "this run finds the opposite" if is_opposite(f) else "this run does not agree"
    only_nulls = all(why.startswith(NULL) for why in f.because)
    if f.alone == "supported" and only_nulls:
        return "this run finds the same, but also where there is nothing to find"
    return "this run cannot tell"


def found_by_paper(f: Finding) -> str:
    """Return what the paper found about a claim; empty where it looked at nothing of the kind.

    Parameters
    ----------
    f
        The claim, tested.
    """
    claim = _CLAIMS.get(f.id)
    return claim.paper if claim else ""


def lost(f: Finding) -> list[str]:
    """Return with what held fixed, or in place, a correlation that is supported by itself does not hold.

    Parameters
    ----------
    f
        The claim, tested.
    """
    return [g["given"] for g in f.given if f.alone == "supported" and g["verdict"] != "supported"]


def is_opposite(f: Finding) -> bool:
    """Return whether the number lies as far on the other side as the claim asks for on its own.

    Parameters
    ----------
    f
        The claim, tested.
    """
    claim = _CLAIMS.get(f.id)
    if not (claim and claim.said and claim.said.opposite and defined(f.value)):
        return False
    return f.ci_high < -claim.bound if claim.side == "above" else f.ci_low > -claim.bound


def _said(f: Finding) -> Said:
    """Return how a claim is said: as its record says it, else in the words of the claim itself."""
    claim = _CLAIMS.get(f.id)
    short = f.claim.partition(":")[0]
    return (claim and claim.said) or Said(short, f"it is not so that {short}", number=f"{f.statistic}: {{}}")


def _number(f: Finding) -> str:
    digits = 2 if max(abs(f.ci_low), abs(f.ci_high)) >= _SMALL else 3
    value, low, high = (plain(number, digits) for number in (f.value, f.ci_low, f.ci_high))
    return f"{_said(f).number.replace('{}', value)}, between {low} and {high}"


def _why_open(f: Finding) -> str:
    """Say what leaves a claim open whose number is known."""
    claim = _CLAIMS.get(f.id)
    if claim and any(f.ci_low <= bound <= f.ci_high for bound in claim.bounds):
        margin = "±" * (claim.side == "within") + f"{claim.bound:g}".replace("-", MINUS)
        return f"on either side of {f'the margin of {margin}' if claim.bound else 'zero'}"
    if claim and defined(f.p_adjusted):
        return f"which is not sure enough with all claims tested together (adjusted p {p_value(f.p_adjusted)})"
    return "which is not sure enough"


def _beside_nulls(f: Finding) -> str:
    """Say how a number that speaks for a claim compares with its nulls, and what is left with confounds held fixed."""
    equal = [null for null in f.nulls if not null["beaten"]]
    if equal:
        return f", but not clearly more so than with {_nulls(equal)}, so it is no finding about what was learned"
    claim = _CLAIMS.get(f.id)
    compared = f.nulls and not (claim and claim.side == "within")
    more = f", more so than with {_nulls(f.nulls)}" if compared else ""
    if gone := lost(f):
        return f"{more}; but {_alike(gone)} that does not clearly hold"
    return more + ("; and so among features alike in ceiling, firing rate and mean code" if f.given else "")


def _nulls(nulls: Sequence[Mapping[str, Any]]) -> str:
    return _listed([f"{null['null']} ({plain(null['value'])})" for null in nulls])


def _alike(ways: Sequence[str]) -> str:
    """Say what is held fixed, or put in place, as a choice of features."""
    fixed = [f"in {'both' if way == 'all of these' else way}" for way in ways if way in CONFOUNDS]
    if fixed == ["in both"]:
        fixed = ["in ceiling, firing rate and mean code"]
    others = [f"{'with' if way.startswith('relative') else 'among'} {way}" for way in ways if way not in CONFOUNDS]
    return _listed([*([f"among features alike {_listed(fixed)}"] if fixed else []), *others])


def _listed(names: Sequence[str]) -> str:
    """Join names by commas, the last one by "or"."""
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
