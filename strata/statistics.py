"""Estimates with intervals that cover: the jackknife over groups for one network, Student's t over several.

What is measured of one network is uncertain because its features are a sample. Features of one class resemble each
other, so the class is what is left out: the statistic without each group of classes in turn tells its standard error
(the delete-a-group jackknife; Efron & Tibshirani 1993, ch. 11), and Student's t with as many degrees of freedom as
groups, less one, the interval; of statistics of which a few groups tell most, a part of these. With several networks
the network is the unit: one statistic each, whose mean has a t interval, the random-effects estimate with equal
weights. A bias that all networks share does not show in how they differ; of percentiles, what the jackknife tells of it
is added to the error. Correlations are treated on Fisher's z. How often these intervals cover is measured in
`benchmarks/intervals.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from scipy import special

MOST_GROUPS = 20  # into which classes are joined, where there are more: quantiles need groups of several rows
FEWEST_GROUPS = 8  # with fewer classes, rows are left out in place of classes

Null = float | tuple[float, float]


@dataclass(frozen=True)
class Scale:
    """A scale on which a statistic is nearly normal.

    Attributes
    ----------
    to, back
        To the scale, and back to the statistic.
    """

    to: Callable[[Any], Any]
    back: Callable[[Any], Any]


PLAIN = Scale(lambda value: value, lambda value: value)
FISHER = Scale(lambda r: np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12)), np.tanh)
LOG = Scale(lambda value: np.log(np.maximum(value, 1e-12)), np.exp)


@dataclass(frozen=True)
class Estimate:
    """A statistic with its interval and p-value; all NaN where it is not defined.

    Attributes
    ----------
    value, low, high
        The statistic, and the ends of its interval.
    p_value
        Two-sided; of a test for equivalence, twice the larger of the two one-sided ones, as the interval has two tails.
    error, free
        Standard error on the scale, and its degrees of freedom.
    bias
        On the scale, as the jackknife tells it.
    """

    value: float
    low: float
    high: float
    p_value: float
    error: float = float("nan")
    free: float = float("nan")
    bias: float = 0.0


UNDEFINED = Estimate(*[float("nan")] * 4)


@dataclass(frozen=True)
class Rows:
    """Some columns of a table, and what rows are left out together.

    Attributes
    ----------
    values
        Rows × columns.
    groups
        Number of every row's group, from 0.
    """

    values: np.ndarray
    groups: np.ndarray


def groups_of(labels: Any) -> np.ndarray:
    """Return the number of every row's group: its class, or, where these are few, its own; at most `MOST_GROUPS`."""
    names, numbers = np.unique(np.asarray(labels, str), return_inverse=True)
    return (numbers if len(names) >= FEWEST_GROUPS else np.arange(len(numbers))) % MOST_GROUPS


def over_groups(
    statistic: Callable[..., float],
    parts: Sequence[Rows],
    *,
    null: Null,
    confidence: float,
    scale: Scale = PLAIN,
    trust: float = 1.0,
) -> Estimate:
    """Estimate a statistic of one network, with an interval over groups of rows.

    Parameters
    ----------
    statistic
        Takes the values of the parts, as many as are given.
    parts
        What it is computed from; a group is left out of all parts at once.
    null
        The value that the p-value tests against. A pair of values is tested for equivalence: against the statistic
        lying at one of them or beyond (two one-sided tests, Schuirmann 1987).
    confidence
        Coverage of the interval.
    scale
        On which the statistic is nearly normal.
    trust
        Degrees of freedom a group, for statistics of which a few groups tell most.
    """
    if not all(len(part.values) for part in parts):
        return UNDEFINED
    whole = float(statistic(*(part.values for part in parts)))
    numbers = np.unique(np.concatenate([part.groups for part in parts]))
    kept = ([part.values[part.groups != number] for part in parts] for number in numbers)
    without = np.array([float(statistic(*values)) if all(map(len, values)) else np.nan for values in kept])
    without = without[np.isfinite(without)]
    return jackknifed(whole, without, null=null, confidence=confidence, scale=scale, trust=trust)


def jackknifed(
    whole: float,
    without: Sequence[float] | np.ndarray,
    *,
    null: Null = 0.0,
    confidence: float,
    scale: Scale = PLAIN,
    inflation: float = 1.0,
    trust: float = 1.0,
) -> Estimate:
    """Return the estimate that delete-a-group values make.

    Parameters
    ----------
    whole
        The statistic of all groups.
    without
        The statistic without each of the g groups in turn; g − 1 are the degrees of freedom, times `trust`.
    null, confidence, scale, trust
        See `over_groups`.
    inflation
        What the standard error is multiplied by, where groups are not independent of each other.
    """
    values = scale.to(np.asarray(without, float))
    free = len(values) - 1
    if free < 1 or not np.isfinite(whole):
        return UNDEFINED
    value, error = float(scale.to(whole)), inflation * jackknife_error(values)
    told = student(value, error, free=trust * free, null=null, confidence=confidence, scale=scale)
    return replace(told, bias=free * float(values.mean() - value))


def jackknife_error(without: np.ndarray) -> Any:
    """Return the standard error that values without each group in turn tell (groups × …)."""
    k = len(without)
    return np.sqrt((k - 1) / k * ((without - without.mean(0)) ** 2).sum(0))


def widening(folds: int) -> float:
    """Return what a jackknife's standard error over folds is multiplied by, for what the probes of two folds share.

    Probes are fitted to the images of all other folds, so that what folds tell is not independent: of k folds the
    variance is 1/k + 1/(k − 1) in place of 1/k (Nadeau & Bengio 2003).
    """
    return float(np.sqrt(1 + folds / (folds - 1)))


def over_seeds(
    values: Sequence[float], *, null: Null, confidence: float, scale: Scale = PLAIN, bias: float = 0.0
) -> Estimate:
    """Return the mean of one statistic a network, with an interval over networks (random effects, equal weights).

    Parameters
    ----------
    values
        One a network, at least 2.
    null, confidence, scale
        See `over_groups`.
    bias
        That all of them share, on the scale.
    """
    own = scale.to(np.asarray(values, float))
    if not np.isfinite(own).all():
        return UNDEFINED
    error = np.hypot(own.std(ddof=1) / np.sqrt(len(own)), bias)
    return student(own.mean(), error, free=len(own) - 1, null=null, confidence=confidence, scale=scale)


def over_networks(
    each: Sequence[Estimate], *, null: Null, confidence: float, scale: Scale = PLAIN, biased: bool = False
) -> Estimate:
    """Return the estimate over networks, each with its own; of one alone, what that tells, and of none nothing.

    Parameters
    ----------
    each
        One a network.
    null, confidence, scale
        See `over_groups`.
    biased
        Whether what the jackknife tells of the bias of each is added to the error.
    """
    if len(each) < 2:
        return each[0] if each else UNDEFINED
    bias = float(np.mean([e.bias for e in each])) if biased else 0.0
    return over_seeds([e.value for e in each], null=null, confidence=confidence, scale=scale, bias=bias)


def student(
    value: float, error: float, *, free: float, null: Null, confidence: float, scale: Scale = PLAIN
) -> Estimate:
    """Return an estimate by Student's t.

    Parameters
    ----------
    value, error, free
        The statistic on the scale, its standard error, and the degrees of freedom of that.
    null, confidence, scale
        See `over_groups`.
    """
    half = special.stdtrit(free, (1 + confidence) / 2) * error
    if isinstance(null, tuple):
        inside = min(value - scale.to(null[0]), scale.to(null[1]) - value)
        tail = _tail(inside, error, free)
    else:
        tail = _tail(abs(value - scale.to(null)), error, free)
    back = scale.back
    low, high = float(back(value - half)), float(back(value + half))
    return Estimate(float(back(value)), low, high, min(1.0, 2 * tail), float(error), float(free))


def difference(one: Estimate, other: Estimate, *, confidence: float, scale: Scale = PLAIN) -> Estimate:
    """Return the difference of two independent estimates, on their scale (Welch 1947).

    Parameters
    ----------
    one, other
        Of one network each.
    confidence
        Coverage of the interval.
    scale
        That both were made on.
    """
    squares = np.array([one.error, other.error]) ** 2
    value, error = float(scale.to(one.value) - scale.to(other.value)), np.sqrt(squares.sum())
    if not np.isfinite(value) or not np.isfinite(error):
        return UNDEFINED
    shares = (squares**2 / np.array([one.free, other.free])).sum()
    free = squares.sum() ** 2 / shares if shares > 0 else one.free + other.free
    return student(value, error, free=free, null=0.0, confidence=confidence)


def corrected(p_values: Sequence[float]) -> list[float]:
    """Return the p-values of a family, corrected after Benjamini & Hochberg (1995); NaN stays and is not counted."""
    from scipy.stats import false_discovery_control  # here, because it takes longer than what most jobs do with it

    found = np.array(p_values, float)
    defined = ~np.isnan(found)
    found[defined] = false_discovery_control(found[defined])
    return found.tolist()


def pearson(columns: np.ndarray) -> float:
    """Return the correlation of two columns (n × 2), given those that follow (n × more); NaN where one is constant.

    Given others, it is that of what the others leave of the two in a linear fit: the partial correlation.
    """
    if len(columns) < 3 or (np.ptp(columns[:, :2], axis=0) == 0).any():
        return float("nan")
    centred = columns - columns.mean(0)
    pair, others = centred[:, :2], centred[:, 2:]
    left = pair - others @ np.linalg.lstsq(others, pair, rcond=None)[0] if others.size else pair
    sizes = np.linalg.norm(left, axis=0)
    if (sizes <= 1e-9 * np.linalg.norm(pair, axis=0)).any():  # the others tell it all, but for rounding
        return float("nan")
    return float(np.clip(left[:, 0] @ left[:, 1] / sizes.prod(), -1, 1))


def spearman(columns: np.ndarray) -> float:
    """Return the correlation of the ranks of two columns (n × 2), given the ranks of those that follow (n × more)."""
    from scipy.stats import rankdata  # here, because it takes longer than what most jobs do with it

    return pearson(rankdata(columns, axis=0)) if len(columns) else float("nan")


def spread(values: np.ndarray) -> float:
    """Return the 90th minus the 10th percentile of one column (n × 1), as Harrell & Davis (1982) estimate them.

    A mean of all values in their order, most of those near the percentile: it is smooth, which the jackknife needs.
    """
    return float(np.sort(values[:, 0]) @ _weights_of_spread(len(values)))


def mean_change(before: np.ndarray, after: np.ndarray) -> float:
    """Return the difference of the means of two samples of one column.

    Parameters
    ----------
    before, after
        n × 1; each may have an n of its own.
    """
    return float(after.mean() - before.mean())


def mean_difference(pairs: np.ndarray) -> float:
    """Return the mean of the first minus the second column (n × 2)."""
    return float((pairs[:, 0] - pairs[:, 1]).mean())


def cohens_d(before: np.ndarray, after: np.ndarray) -> float:
    """Return the difference of two means (n × 1) in pooled standard deviations (Cohen 1988).

    Parameters
    ----------
    before, after
        n × 1; each may have an n of its own.
    """
    free = len(before) + len(after) - 2
    squares = sum(((x - x.mean()) ** 2).sum() for x in (before, after))
    return ratio(mean_change(before, after), np.sqrt(squares / free) if free else 0)


def paired_d(pairs: np.ndarray) -> float:
    """Return the mean difference of two columns (n × 2) in standard deviations of the difference (Cohen's d_z)."""
    differences = pairs[:, 0] - pairs[:, 1]
    return ratio(differences.mean(), differences.std(ddof=1) if len(pairs) > 1 else 0)


def ratio(value: Any, size: Any) -> float:
    """Return a value in units of a size; NaN where that is zero.

    Parameters
    ----------
    value, size
        A number each.
    """
    return float(value / size) if size > 0 else float("nan")


@cache
def _weights_of_spread(n: int) -> np.ndarray:
    """Return what each of n values in their order weighs in the 90th minus the 10th percentile."""
    ends = np.arange(n + 1) / n
    high, low = (np.diff(special.betainc(p * (n + 1), (1 - p) * (n + 1), ends)) for p in (0.9, 0.1))
    return high - low


def _tail(distance: float, error: float, free: float) -> float:
    """Return the share of a t distribution beyond a distance from its middle; of no error, none or all."""
    if error == 0:
        return float(distance <= 0)
    return float(special.stdtr(free, -distance / error))
