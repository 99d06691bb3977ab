"""The claims, as data: what the four questions, the appendix and the controls assert of a run.

A claim looks at the tables of one seed (`strata.measures.measurements`), takes arrays from them, and computes one
number.
"""

from collections.abc import Callable

import numpy as np

from strata.claims.claim import Absent, Claim, Parts, Statistic, Tables, array, rows
from strata.claims.control_claims import claim_of
from strata.claims.controls import CONTROLS
from strata.config.keys import Questions
from strata.measures.complexity import complexity_by_family
from strata.measures.flow import earliness
from strata.measures.importance import most_important
from strata.statistics import (
    cohens_d,
    mean_change,
    pearson,
    spearman,
    spread,
)

UNRELATED = 0.3  # a correlation whose whole interval is nearer to zero than this counts as no clear relation
SAME_ORDER = 0.8  # a rank correlation of complexity under two predictive families above this counts as the same order
SPREAD = 0.1  # a spectrum of complexity is at least this wide, from its 10th to its 90th percentile


# What claims look at: the tables of one seed → parts.


def _of_features(*columns: str) -> Callable[[Tables, Questions], Parts]:
    return lambda tables, settings: (array(rows(tables, "features", *columns), *columns),)


def _at_epoch(tables: Tables, which: int, *columns: str) -> np.ndarray:
    """Return columns of the features discovered at the first (0) or last (-1) trained epoch."""
    found = rows(tables, "by_checkpoint", "complexity", *columns)
    epochs = _trained_epochs(tables)
    return array(found[found["epoch"] == epochs[which]], *columns)


def _trained_epochs(tables: Tables) -> list[int]:
    """Return the epochs of the trained checkpoints, of which there must be several to tell a change."""
    epochs = sorted(e for e in tables["by_checkpoint"]["epoch"].unique() if e > 0)
    if len(epochs) < 2:
        raise Absent("one trained checkpoint alone")
    return epochs


def _growth(tables: Tables, settings: Questions) -> Parts:
    return _at_epoch(tables, 0, "complexity"), _at_epoch(tables, -1, "complexity")


def _initial_bias(tables: Tables, settings: Questions) -> Parts:
    return (_at_epoch(tables, 0, "complexity", "importance"),)


def _sedimentation(tables: Tables, settings: Questions) -> Parts:
    found = rows(tables, "by_checkpoint", "complexity")
    epochs = _trained_epochs(tables)
    tops = [most_important(found[found["epoch"] == epoch], settings.top_share) for epoch in epochs]
    return tuple(array(top, "epoch", "complexity") for top in tops)


def _teleport(tables: Tables, settings: Questions) -> Parts:
    early = earliness(rows(tables, "branch_cka")).rename("earliness").reset_index()
    both = rows(tables, "features", "complexity").merge(early).dropna(subset=["earliness"])
    return (array(both, "complexity", "earliness"),)


def _support(tables: Tables, settings: Questions) -> Parts:
    """Return accuracies: without random features, their noise over images, without the complex half, with all.

    The more complex half of the features holds a share of all importance. Random features that are removed until the
    same share is gone weigh as much one by one. Accuracies are shares of the same n test images, of which the table
    tells no single one: each is given the rows of n correct or wrong answers, resampled apart. The interval is then
    a little too wide, because what the same images have in common does not cancel.
    """
    support = rows(tables, "support", "accuracy")
    features = rows(tables, "features", "complexity", "importance").sort_values(["complexity", "feature"])
    half = len(features) // 2
    weight = features["importance"].tail(half).sum() / features["importance"].sum()
    n = int(support["n"].iloc[0])

    def accuracies(order: str, kept: float) -> np.ndarray:
        draws = support[support["order"] == order].pivot(index="share_kept", columns="draw", values="accuracy")
        return np.array([[np.interp(kept, draws.index, draws[draw])] for draw in draws])

    def noise(accuracy: float) -> np.ndarray:
        correct = (np.arange(n) < round(accuracy * n)).astype(float)[:, None]
        return correct - correct.mean()

    without_random = accuracies("random", 1 - weight)
    without_complex = accuracies("complex first", 1 - half / len(features))
    return (
        without_random,
        noise(without_random.mean()),
        without_complex.mean() + noise(without_complex.mean()),
        accuracies("complex first", 1),
    )


def _families(tables: Tables, settings: Questions) -> Parts:
    by_family = complexity_by_family(rows(tables, "by_family"))
    return (array(by_family, *by_family.columns[-2:]),)


# What is computed: parts → a number.


def _over_parts(correlation: Callable[[np.ndarray], np.ndarray]) -> Callable[..., np.ndarray]:
    return lambda *parts: correlation(np.concatenate(parts, axis=-2))


CORRELATION = Statistic(_over_parts(pearson), _over_parts(pearson), "r", ranked=_over_parts(spearman))
RANKS = Statistic(_over_parts(spearman), _over_parts(spearman), "ρ")
WIDTH = Statistic(spread, lambda k: spread(k) / SPREAD, f"times the margin of {SPREAD}")
CHANGE = Statistic(mean_change, cohens_d, "Cohen's d")
MORE_TOGETHER = Statistic(
    lambda random, noise, half, whole: random.mean((-2, -1)) + noise.mean((-2, -1)) - half.mean((-2, -1)),
    lambda random, noise, half, whole: whole.mean() - half.mean(),
    "accuracy lost without the more complex half",
    n=lambda random, noise, half, whole: len(noise),
)
_TRAINED = ("control.shuffled", "control.untrained")
CLAIMS = (
    Claim(
        id="q1.spectrum",
        question="1",
        claim=f"features form a spectrum of complexity, more than {SPREAD} wide",
        statistic="complexity, 90th − 10th percentile",
        figure="q1_spectrum",
        parts=_of_features("complexity"),
        computed=WIDTH,
        side="above",
        bound=SPREAD,
        controls=("control.shuffled", "control.random_directions"),
        of_images=True,
    ),
    Claim(
        id="q2.emergence",
        question="2",
        claim="complex features become decodable later in training",
        statistic="Pearson r(complexity, temporal decoding score)",
        figure="q2_emergence",
        parts=_of_features("complexity", "temporal_decoding_score"),
        computed=CORRELATION,
        side="above",
        controls=_TRAINED,
        of_images=True,
    ),
    Claim(
        id="q2.growth",
        question="2",
        claim="features grow more complex from the first epoch to the last",
        statistic="mean complexity, last − first epoch",
        figure="q2_growth",
        parts=_growth,
        computed=CHANGE,
        side="above",
        controls=_TRAINED,
    ),
    Claim(
        id="q3.teleport",
        question="3",
        claim="the simpler a feature, the earlier the skip branch carries what of it the last block's does",
        statistic="Pearson r(complexity, mean skip CKA as share of the last block's)",
        figure="q3_flow",
        parts=_teleport,
        computed=CORRELATION,
        side="below",
    ),
    Claim(
        id="q4.simplicity_bias",
        question="4",
        claim="at the last epoch, simpler features are more important",
        statistic="Pearson r(complexity, importance)",
        figure="q4_importance",
        parts=_of_features("complexity", "importance"),
        computed=CORRELATION,
        side="below",
        of_images=True,
    ),
    Claim(
        id="q4.simplicity_bias_initial",
        question="4",
        claim=f"at the first epoch, complexity and importance are unrelated (r within ±{UNRELATED})",
        statistic="Pearson r(complexity, importance)",
        figure="q4_importance",
        parts=_initial_bias,
        computed=CORRELATION,
        side="within",
        bound=UNRELATED,
    ),
    Claim(
        id="q4.sedimentation",
        question="4",
        claim="the most important features grow simpler during training",
        statistic="Pearson r(epoch, complexity) of the most important features",
        figure="q2_growth",
        parts=_sedimentation,
        computed=CORRELATION,
        side="below",
        controls=_TRAINED,
    ),
    Claim(
        id="q4.support",
        question="4",
        claim="complex features matter more together than one by one",
        statistic="accuracy without random features of the same total importance − without the more complex half",
        figure="q4_support",
        parts=_support,
        computed=MORE_TOGETHER,
        side="above",
        unit="test images",
    ),
    Claim(
        id="a.redundancy",
        question="appendix",
        claim="complex features are less redundant",
        statistic="Pearson r(complexity, redundancy)",
        figure="a_redundancy",
        parts=_of_features("complexity", "redundancy"),
        computed=CORRELATION,
        side="below",
    ),
    Claim(
        id="a.robustness",
        question="appendix",
        claim="complex features are less robust to noise in the image",
        statistic="Pearson r(complexity, robustness)",
        figure="a_robustness",
        parts=_of_features("complexity", "robustness"),
        computed=CORRELATION,
        side="below",
    ),
    Claim(
        id="a.local",
        question="appendix",
        claim=f"complexity is unrelated to how local a direction is (r within ±{UNRELATED})",
        statistic="Pearson r(complexity, Hoyer sparsity of the direction)",
        figure="a_local",
        parts=_of_features("complexity", "hoyer"),
        computed=CORRELATION,
        side="within",
        bound=UNRELATED,
    ),
    Claim(
        id="a.families",
        question="appendix",
        claim=f"the order of complexity does not depend on the predictive family (rank correlation above {SAME_ORDER})",
        statistic="Spearman ρ(complexity by ridge probes, complexity under the run's own family)",
        figure="families",
        parts=_families,
        computed=RANKS,
        side="above",
        bound=SAME_ORDER,
    ),
    *map(claim_of, CONTROLS.values()),
)
