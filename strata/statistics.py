"""Estimates with intervals: the percentile bootstrap, the jackknife, correlations, effect sizes, corrected p-values.

Statistics work on many samples at once: a sample is an array of rows × columns, and whatever axes come before these two
are kept, so that all resamples of a bootstrap are one array.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

_AT_ONCE = 2**18  # rows that are resampled in one array: they still fit a processor's cache

Null = float | tuple[float, float]


@dataclass
class Estimate:
    """A statistic with its bootstrap interval and p-value; all NaN where it is not defined."""

    value: float
    low: float
    high: float
    p_value: float


def bootstrap(
    statistic: Callable[..., np.ndarray],
    groups: Sequence[np.ndarray],
    *,
    null: Null,
    resamples: int,
    confidence: float,
    seed: int,
) -> Estimate:
    """Estimate a statistic with a percentile interval (Efron & Tibshirani 1993, ch. 13).

    Parameters
    ----------
    statistic
        Takes the groups, as many as are given, with an axis of resamples before their own, and keeps it.
    groups
        Arrays whose rows (first axis) are resampled with replacement, every group by itself.
    null
        The value that the p-value tests against. A pair of values is tested for equivalence: against the statistic
        lying at one of them or beyond (two one-sided tests, Schuirmann 1987).
    resamples
        How many.
    confidence
        Coverage of the interval.
    seed
        Of the resampling.

    Raises
    ------
    TypeError
        If the statistic does not return one value a resample.
    """
    if not all(map(len, groups)):
        return Estimate(*[float("nan")] * 4)
    draws = _draws(statistic, groups, resamples, np.random.default_rng(seed))
    draws = draws[np.isfinite(draws)]
    if not len(draws):
        return Estimate(*[float("nan")] * 4)
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Estimate(float(statistic(*groups)), float(low), float(high), _p_value(draws, null))


def jackknife(whole: float, without: Sequence[float], *, confidence: float) -> tuple[float, float]:
    """Return a Student interval from delete-one values (Efron & Tibshirani 1993, ch. 11).

    Parameters
    ----------
    whole
        The statistic of all groups.
    without
        The statistic without each of the g groups in turn; g − 1 are the degrees of freedom.
    confidence
        Coverage of the interval.
    """
    values = np.asarray(without, float)
    free = len(values) - 1
    error = np.sqrt(free / len(values) * ((values - values.mean()) ** 2).sum())
    half = stats.t.ppf((1 + confidence) / 2, free) * error
    return float(whole - half), float(whole + half)


def corrected(p_values: Sequence[float]) -> list[float]:
    """Return the p-values of a family, corrected after Benjamini & Hochberg (1995); NaN stays and is not counted."""
    found = np.asarray(p_values, float)
    defined = ~np.isnan(found)
    found[defined] = stats.false_discovery_control(found[defined])
    return found.tolist()


def pearson(pairs: np.ndarray) -> np.ndarray:
    """Return the correlation of two columns (… × n × 2); NaN where one is constant."""
    x, y = np.moveaxis(pairs - pairs.mean(-2, keepdims=True), -1, 0)
    varies = (np.ptp(pairs, axis=-2) > 0).all(-1)
    return (x * y).sum(-1) / np.sqrt(np.where(varies, (x * x).sum(-1) * (y * y).sum(-1), np.nan))


def spearman(pairs: np.ndarray) -> np.ndarray:
    """Return the correlation of the ranks of two columns (… × n × 2); ties share their mean rank."""
    return pearson(stats.rankdata(pairs, axis=-2))


def spread(values: np.ndarray) -> np.ndarray:
    """Return the 90th minus the 10th percentile of one column (… × n × 1)."""
    low, high = np.quantile(values[..., 0], [0.1, 0.9], axis=-1)
    return high - low


def mean_change(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return the difference of the means of two samples of one column (… × n × 1).

    Parameters
    ----------
    before, after
        … × n × 1; each may have an n of its own.
    """
    return after.mean((-2, -1)) - before.mean((-2, -1))


def mean_difference(pairs: np.ndarray) -> np.ndarray:
    """Return the mean of the first minus the second column (… × n × 2)."""
    return (pairs[..., 0] - pairs[..., 1]).mean(-1)


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


def _draws(
    statistic: Callable[..., np.ndarray], groups: Sequence[np.ndarray], resamples: int, rng: np.random.Generator
) -> np.ndarray:
    chunk = max(1, _AT_ONCE // sum(map(len, groups)))
    parts = []
    for start in range(0, resamples, chunk):
        count = min(chunk, resamples - start)
        values = statistic(*(group[rng.integers(len(group), size=(count, len(group)))] for group in groups))
        if np.shape(values) != (count,):
            raise TypeError(f"a statistic must return one value a resample ({count}), not shape {np.shape(values)}")
        parts.append(values)
    return np.concatenate(parts)


def _p_value(draws: np.ndarray, null: Null) -> float:
    """Return twice the share of resamples on the null's far side, as the interval has two tails."""
    if isinstance(null, tuple):
        beyond = max((draws <= null[0]).sum(), (draws >= null[1]).sum())
    else:
        beyond = min((draws <= null).sum(), (draws >= null).sum())
    return min(1.0, 2 * float(beyond + 1) / (len(draws) + 1))
