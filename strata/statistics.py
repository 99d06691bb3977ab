"""Estimates with intervals: the percentile bootstrap, and correlation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass
class Estimate:
    """A statistic with its bootstrap interval and two-sided p-value; all NaN where it is not defined."""

    value: float
    low: float
    high: float
    p_value: float


def bootstrap(
    statistic: Callable[..., float],
    groups: Sequence[np.ndarray],
    null: float,
    resamples: int,
    confidence: float,
    seed: int,
) -> Estimate:
    """Estimate a statistic with a percentile interval (Efron & Tibshirani 1993).

    Parameters
    ----------
    statistic
        Takes the groups, as many as are given.
    groups
        Arrays whose rows are resampled with replacement, every group by itself.
    null
        The value that the p-value tests against: twice the share of resamples on its far side.
    """
    rng = np.random.default_rng(seed)
    draws = np.empty(resamples)
    for i in range(resamples):
        draws[i] = statistic(*(group[rng.integers(len(group), size=len(group))] for group in groups))
    draws = draws[np.isfinite(draws)]
    if not len(draws):
        return Estimate(float("nan"), float("nan"), float("nan"), float("nan"))
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    beyond = min((draws <= null).sum(), (draws >= null).sum())
    p_value = min(1.0, 2 * (beyond + 1) / (len(draws) + 1))
    return Estimate(float(statistic(*groups)), float(low), float(high), float(p_value))


def pearson(pairs: np.ndarray) -> float:
    """Return the correlation of two columns (n × 2)."""
    x, y = (pairs - pairs.mean(0)).T
    size = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / size) if size > 0 else float("nan")


def spearman(pairs: np.ndarray) -> float:
    """Return the correlation of the ranks of two columns (n × 2); equal values share their mean rank."""
    return pearson(pd.DataFrame(pairs).rank().to_numpy())
