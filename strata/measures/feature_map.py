"""The map of the features: which features lie near which, as directions in the penultimate layer.

Three views of the dictionary D (features × units, rows of unit norm): a map (UMAP), groups (k-means: the
meta-features), and a tree (hierarchical clustering). All of them look at angles between directions, and at nothing
else that was measured of the features.
"""

import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.cluster import hierarchy
from sklearn.cluster import KMeans

from strata.features.dictionary import read_dictionary

if TYPE_CHECKING:
    from strata.scale import Scale

_NEIGHBOURS = 15  # that UMAP keeps near a feature
_FEWEST = 4  # features that have a neighbourhood to speak of
_STARTS = 10  # of k-means


def count_of_meta_features(count: int) -> int:
    """Return how many meta-features to look for among some features: 150, the paper's number, for its 10,000."""
    return round(1.5 * count**0.5)


def place(dictionary: np.ndarray, seed: int) -> np.ndarray:
    """Lay the features out in the plane, near those of a small angle to them (UMAP; McInnes et al. 2018).

    UMAP gets exact distances and starts from the two principal components, so that nothing but its seeded gradient
    steps is random, and a few features can be laid out as well as thousands.

    Parameters
    ----------
    dictionary
        D, features × units.
    seed
        Of the gradient steps.

    Returns
    -------
    ndarray
        Features × 2; the axes have no unit. Fewer than 4 features are placed by their principal components.
    """
    u, s, _ = np.linalg.svd(dictionary - dictionary.mean(0), full_matrices=False)
    start = np.zeros((len(dictionary), 2))
    start[:, : len(s)] = u[:, :2] * s[:2]
    if len(dictionary) < _FEWEST:
        return start
    from umap import UMAP, umap_  # here, because it takes longer than all else that a preflight imports

    # What it compiles anew in every process, for ten seconds, Numba keeps when it is told to, and has a place for it.
    with suppress(RuntimeError):
        for compiled in (umap_.fast_knn_indices, umap_.smooth_knn_dist, umap_.compute_membership_strengths):
            compiled.enable_caching()
    unit = dictionary / np.maximum(np.linalg.norm(dictionary, axis=1, keepdims=True), np.finfo(float).tiny)
    distance = np.clip(1 - unit @ unit.T, 0, None)
    np.fill_diagonal(distance, 0)
    spread = max(np.abs(start).max(), np.finfo(float).tiny)
    umap = UMAP(
        n_neighbors=min(_NEIGHBOURS, len(dictionary) - 1),
        metric="precomputed",
        init=(10 * start / spread).astype(np.float32),
        random_state=seed,
        n_jobs=1,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "using precomputed metric")  # so there is no way back, and none is wanted
        return umap.fit_transform(distance.astype(np.float32)).astype(float)


def group(dictionary: np.ndarray, count: int, *, seed: int) -> np.ndarray:
    """Group the features by k-means, which at unit norm minimises the angles within a group.

    Parameters
    ----------
    dictionary
        D, features × units.
    count
        How many groups, at most.
    seed
        Of the groups.

    Returns
    -------
    ndarray
        The group of every feature, from 0; there are no more groups than distinct directions.
    """
    count = min(count, len(np.unique(dictionary, axis=0)))
    return KMeans(count, n_init=_STARTS, random_state=seed).fit_predict(dictionary)


def tree(dictionary: np.ndarray, levels: int = 4) -> tuple[np.ndarray, pd.DataFrame]:
    """Join the features from below, always the two groups whose union spreads least (Ward 1963).

    Parameters
    ----------
    dictionary
        D, features × units.
    levels
        Splits from the root downwards that are told apart.

    Returns
    -------
    branch : ndarray of str
        The path from the root to every feature, a letter (L or R) a split.
    nodes : DataFrame
        One row a node down to the last level: `branch` (its path; empty for the root), `height` (Ward's distance
        between its two halves, 0 for a single feature), `features` (how many it holds).
    """
    branch = np.full(len(dictionary), "", dtype=object)
    rows = []
    waiting = [("", hierarchy.to_tree(hierarchy.linkage(dictionary, "ward")))]
    for path, node in waiting:  # which grows meanwhile
        members = node.pre_order()
        branch[members] = path
        rows.append({"branch": path, "height": node.dist, "features": len(members)})
        if len(path) < levels and not node.is_leaf():
            waiting += [(f"{path}L", node.left), (f"{path}R", node.right)]
    return branch, pd.DataFrame(rows)


def mapped(dictionary: str | Path, meta_features: int | None, *, seed: int) -> dict[str, pd.DataFrame]:
    """Map, group and join the features of a checkpoint.

    Parameters
    ----------
    dictionary
        The shard of the dictionary.
    meta_features
        How many groups; None for as many as `count_of_meta_features` says.
    seed
        Of the map and of the groups.

    Returns
    -------
    dict
        The tables `feature_map`, one row a feature: feature, meta_feature, umap_x, umap_y, branch; and `tree`, its
        nodes (see `tree`).
    """
    directions = read_dictionary(dictionary)[0]["dictionary"]
    count = len(directions)
    x, y = place(directions, seed).T
    branch, nodes = tree(directions)
    table = pd.DataFrame(
        {
            "feature": np.arange(count),
            "meta_feature": group(directions, meta_features or count_of_meta_features(count), seed=seed),
            "umap_x": x,
            "umap_y": y,
            "branch": branch,
        }
    )
    return {"feature_map": table, "tree": nodes}


def scalars(table: pd.DataFrame) -> pd.DataFrame:
    """Return what goes into features.csv: all of it.

    Parameters
    ----------
    table
        The table `feature_map` (see `mapped`).
    """
    return table


def cost(scale: "Scale", meta_features: int | None, *, seed: int) -> tuple[float, float]:
    """Return seconds and bytes of memory, for one seed.

    Parameters
    ----------
    scale
        How large the run is.
    meta_features, seed
        See `mapped`; the cost does not depend on them.
    """
    k, d = scale.feature_count, scale.units
    return 10 + 12 * k * k * d / scale.rates["small"], 8 * k * (3 * k + 2 * d)
