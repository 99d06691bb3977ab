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


@dataclass
class Finding:
    """A claim, tested; the verdict follows from the interval alone, and is undecided where a control fails.

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
        The statistic over the features of all seeds, with a bootstrap interval over features (within seeds).
    n
        How many `unit` the statistic looks at.
    verdict
        supported, not supported or undecided.
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
