"""A finding: a claim that was tested, as plain data."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

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


def bounds_of(side: str, bound: float) -> tuple[float, float]:
    """Return between which numbers a statistic lies where its claim holds.

    Parameters
    ----------
    side
        above or below the bound, or within ±bound.
    bound
        The number.
    """
    return {"above": (bound, np.inf), "below": (-np.inf, bound), "within": (-bound, bound)}[side]


@dataclass
class Finding:
    """A claim, tested.

    Attributes
    ----------
    id
        Of the claim.
    question
        That it is about: a key of `QUESTIONS`.
    claim
        What is claimed, in words.
    statistic
        What the number is called that it is judged by.
    value, ci_low, ci_high, p_value
        The statistic with its interval: of one network, over its features; of several, over networks.
    n
        How many `unit` the statistic looks at.
    verdict
        supported, not supported or undecided; supported only if `alone` is, and nothing of `because` speaks against it.
    side, bound
        Where the claim says that it lies: above or below the bound, or within ±bound.
    p_adjusted
        After Benjamini & Hochberg over all claims but the controls, which have none.
    alone
        What interval and adjusted p-value alone would decide.
    because
        What makes the verdict undecided although `alone` is not, in words.
    nulls
        null, value, difference, ci_low, ci_high, p_value, beaten: the same statistic where there is nothing to find,
        and how far the claim's differs from it (of correlations, in Fisher's z).
    given
        given, value, ci_low, ci_high, n, verdict: the same correlation with confounds held fixed, with relative
        complexity, of stable features alone.
    beside
        what, value, ci_low, ci_high: the same of other numbers than the one that is judged by.
    note
        What a reader has to know besides.
    effect, effect_name
        Its size, in a unit that can be compared with other studies.
    images_low, images_high
        Jackknife interval over images, by the probes' held-out folds; only of statistics of images. Importance is that
        of all images throughout. Its width makes up for what the probes of two folds share (Nadeau & Bengio 2003).
    by_seed
        seed, value, ci_low, ci_high, verdict of each network alone.
    seeds_sd
        Standard deviation of the value between networks.
    figure
        Name of the figure that shows it.
    controls
        Ids of the controls that it rests on.
    unit
        What `n` counts.
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
    side: str = "above"
    bound: float = 0.0
    p_adjusted: float | None = None
    alone: str = ""
    because: list[str] = field(default_factory=list)
    nulls: list[dict[str, Any]] = field(default_factory=list)
    given: list[dict[str, Any]] = field(default_factory=list)
    beside: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""
    effect: float | None = None
    effect_name: str = ""
    images_low: float | None = None
    images_high: float | None = None
    by_seed: list[dict[str, Any]] = field(default_factory=list)
    seeds_sd: float | None = None
    figure: str = ""
    controls: list[str] = field(default_factory=list)
    unit: str = "features"


def estimated(whole: Estimate, each: dict[int, Estimate], *, verdict: Callable[[Estimate], str]) -> dict[str, Any]:
    """Return the fields of a finding that tell its estimate over all seeds, and that of each seed alone.

    Parameters
    ----------
    whole
        The estimate over all seeds.
    each
        Seed to its own estimate.
    verdict
        Judges an estimate.
    """
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
