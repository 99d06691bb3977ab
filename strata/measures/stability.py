"""Stability: whether a feature is found again, in half of the images, or in a network from another seed.

Features are matched one to one, within the class that they come from (all of them together where rows come from no
class): between halves of the images by the cosine of their directions in the same layer; between networks, whose
layers have no units in common, by the correlation of their codes over the same images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from strata import store
from strata.features.dictionary import read_dictionary
from strata.job import split
from strata.progress import progress

if TYPE_CHECKING:
    from strata.scale import Scale

STABLE = 0.9  # the stability from which on a feature counts as stable
_CONSTANT = 1e-12  # variance as a share of the mean square: what is below is rounding


def stability_of_features(
    dictionary: str | Path,
    codes: Sequence[str | Path],
    *,
    half_dictionaries: Sequence[str | Path],
    half_codes: Sequence[str | Path],
) -> dict[str, pd.DataFrame]:
    """Match every feature with one of each half, and compare directions and codes.

    Parameters
    ----------
    dictionary
        The shard of the dictionary D.
    codes
        Shards of its codes.
    half_dictionaries
        Shards of the dictionaries that were discovered in either half of the images, at the same checkpoint.
    half_codes
        Shards of their codes, of the same images as `codes`, those of the first half first.

    Returns
    -------
    dict
        The table `stability`, one row a half and feature: half, feature, match (the half's row), cosine, correlation
        (of the codes). Both are missing where the feature's direction is zero, or all those of its class in the half,
        which then has too few images; the correlation also where the feature's code is constant. A match whose
        direction is zero has a cosine of 0, and one whose code is constant a correlation of 0: the half knows nothing
        of the feature.

    Raises
    ------
    StrataError
        If the shards do not belong together.
    """
    found, about = read_dictionary(dictionary)
    others = [read_dictionary(path, checkpoint=about["checkpoint"])[0]["dictionary"] for path in half_dictionaries]
    groups = groups_of(found["origin"])
    matches = [matched_directions(found["dictionary"], other, groups=groups) for other in others]
    made_by = [store.digest(d.tobytes()) for d in (found["dictionary"], *others)]
    shards = list(zip(codes, *split(list(map(str, half_codes)), range(len(others))).values(), strict=True))
    own, theirs = Sums.zeros(len(found["dictionary"])), [Sums.zeros(len(found["dictionary"])) for _ in others]
    together = np.zeros((len(others), len(found["dictionary"])))
    for path, *paths in progress(shards, "comparing codes"):
        z, images = _codes(path, features=made_by[0])
        own.add(z)
        for half, (other, (match, _)) in enumerate(zip(paths, matches, strict=True)):
            matched_codes = _codes(other, features=made_by[half + 1], images=images)[0][:, match]
            theirs[half].add(matched_codes)
            together[half] += np.einsum("nk,nk->k", z, matched_codes, dtype=float)
    parts = []
    for half, (match, cosine) in enumerate(matches):
        covariance = together[half] / own.count - own.mean * theirs[half].mean
        correlation = _pearson(covariance, own.variance, theirs[half].variance)
        correlation[np.isnan(cosine) | (own.variance == 0)] = np.nan
        columns = {"half": half, "feature": np.arange(len(match)), "match": match}
        parts.append(pd.DataFrame({**columns, "cosine": cosine, "correlation": correlation}))
    return {"stability": pd.concat(parts, ignore_index=True)}


def scalars(table: pd.DataFrame) -> pd.DataFrame:
    """Return what goes into features.csv: stability (of directions) and stability_codes, the means over both halves.

    Parameters
    ----------
    table
        The table `stability` (see `stability_of_features`).
    """
    columns = {"stability": "cosine", "stability_codes": "correlation"}
    means = {
        name: table.pivot(index="feature", columns="half", values=column).mean(axis=1, skipna=False)
        for name, column in columns.items()
    }
    return pd.DataFrame(means).reset_index()


def between_seeds(dictionary: str | Path, codes: Mapping[int, Sequence[str | Path]]) -> pd.DataFrame:
    """Match the features of every two seeds by the correlation of their codes over the same images.

    Parameters
    ----------
    dictionary
        The shard of the dictionary of one seed, which tells the classes that features come from: they are those of all.
    codes
        Seed to the shards of its codes.

    Returns
    -------
    DataFrame
        One row an ordered pair of seeds and feature of the first: seed, feature, other_seed, match, correlation, which
        is missing where the feature's code is constant, and 0 where its match's is.

    Raises
    ------
    StrataError
        If codes are of other images.
    """
    groups = groups_of(store.read(dictionary, kind="features")[0]["origin"])
    parts = []
    for one, other in progress(list(combinations(codes, 2)), "matching seeds"):
        similar, varying = _related(codes[one], codes[other], groups)
        match, correlation = matched(similar, groups)
        back = match.argsort()
        for seed, other_seed, place, value, varies in (
            (one, other, match, correlation, varying[0]),
            (other, one, back, correlation[back], varying[1]),
        ):
            columns = {"seed": seed, "feature": np.arange(len(place)), "other_seed": other_seed, "match": place}
            parts.append(pd.DataFrame({**columns, "correlation": np.where(varies, value, np.nan)}))
    return pd.concat(parts).sort_values(["seed", "other_seed", "feature"], ignore_index=True)


def groups_of(origin: np.ndarray) -> list[np.ndarray]:
    """Return the features of every class that features come from; all of them, where they come from none."""
    return [np.flatnonzero(origin == label) for label in np.unique(origin)]


def matched(similar: Sequence[np.ndarray], groups: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Match features one to one within groups, so that the sum of their similarities is largest.

    Parameters
    ----------
    similar
        Similarities of a group's features (rows) to those that they may be matched with (columns), one array a group.
    groups
        The features of each group, which are the same on both sides.

    Returns
    -------
    match, value : ndarray
        The match of every feature, and how similar it is.
    """
    count = sum(map(len, groups))
    match, value = np.zeros(count, int), np.zeros(count)
    for own, rows in zip(similar, groups, strict=True):
        i, j = linear_sum_assignment(own, maximize=True)
        match[rows[i]], value[rows[i]] = rows[j], own[i, j]
    return match, value


def matched_directions(
    dictionary: np.ndarray, other: np.ndarray, *, groups: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Match the rows of two dictionaries by their cosine.

    Parameters
    ----------
    dictionary, other
        Features × units, rows of unit norm or zero.
    groups
        Features that are matched among themselves.

    Returns
    -------
    match, cosine : ndarray
        Of every row of the first; the cosine is missing where the row is zero, or all of its group's in the other.
    """
    match, cosine = matched([dictionary[rows] @ other[rows].T for rows in groups], groups)
    missing = np.linalg.norm(dictionary, axis=1) == 0
    for rows in groups:
        missing[rows] |= not other[rows].any()
    return match, np.where(missing, np.nan, cosine.clip(-1, 1))


@dataclass
class Sums:
    """What mean and variance of codes follow from: count, Σz and Σz² of every feature, in float64."""

    count: int
    total: np.ndarray
    squares: np.ndarray

    @classmethod
    def zeros(cls, features: int) -> "Sums":
        """Return the sums of no images."""
        return cls(0, np.zeros(features), np.zeros(features))

    def add(self, z: np.ndarray) -> None:
        """Add codes, images × features."""
        self.count += len(z)
        self.total += z.sum(0, dtype=float)
        self.squares += np.einsum("nk,nk->k", z, z, dtype=float)

    @property
    def mean(self) -> np.ndarray:
        """The mean of every feature's code."""
        return self.total / self.count

    @property
    def variance(self) -> np.ndarray:
        """The variance of every feature's code; 0 where nothing but rounding varies."""
        variance = self.squares / self.count - self.mean**2
        return np.where(variance > _CONSTANT * self.squares / self.count, variance, 0)


def _related(
    codes: Sequence[str | Path], others: Sequence[str | Path], groups: Sequence[np.ndarray]
) -> tuple[list[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return the correlations of two seeds' codes within every group, and of either seed, whether codes vary."""
    count = sum(map(len, groups))
    one, other = Sums.zeros(count), Sums.zeros(count)
    products = [np.zeros((len(rows), len(rows))) for rows in groups]
    for path, other_path in zip(codes, others, strict=True):
        z, images = _codes(path)
        w, _ = _codes(other_path, images=images)
        one.add(z)
        other.add(w)
        for product, rows in zip(products, groups, strict=True):
            product += z[:, rows].T.astype(float) @ w[:, rows].astype(float)
    similar = [
        _pearson(
            product / one.count - np.outer(one.mean[rows], other.mean[rows]),
            one.variance[rows, None],
            other.variance[rows],
        )
        for product, rows in zip(products, groups, strict=True)
    ]
    return similar, (one.variance > 0, other.variance > 0)


def _pearson(covariance: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return correlations from covariances and variances; 0 where a variance is 0."""
    size = np.sqrt(one * other)
    return np.divide(covariance, size, out=np.zeros_like(covariance), where=size > 0).clip(-1, 1)


def _codes(path: str | Path, **expected: str) -> tuple[np.ndarray, str]:
    """Return codes, images × features, and what says of which images."""
    with store.Shard(path, kind="codes", **expected) as shard:
        return shard.read("codes"), shard.attributes["images"]


def cost(scale: "Scale") -> tuple[float, float]:
    """Return seconds and bytes of memory, for one seed: three sets of codes are read."""
    codes = 4 * scale.images * scale.feature_count
    matching = scale.feature_count * (2 * scale.feature_count / scale.classes * scale.units)
    seconds = 3 * codes / scale.rates["disk"] + 2 * matching / scale.rates["product64"]
    return seconds, 4 * 4 * scale.per_shard * scale.feature_count


def cost_between_seeds(scale: "Scale", seeds: int) -> tuple[float, float]:
    """Return seconds and bytes of memory: two sets of codes are read for every two seeds.

    Parameters
    ----------
    scale
        How large the run is.
    seeds
        How many.
    """
    codes = 4 * scale.images * scale.feature_count
    products = 2 * scale.images * scale.feature_count**2 / scale.classes
    seconds = 2 * codes / scale.rates["disk"] + products / scale.rates["product64"]
    return comb(seeds, 2) * seconds, 3 * 4 * scale.per_shard * scale.feature_count
