"""Support: what is left of the network's answers when features are removed (Fel et al. 2024, figure 9).

Accuracy is the paper's; loss and margin still tell where accuracy is near its ceiling. Test images are dealt into
groups, so that what two removals have in common cancels when they are compared group by group (a paired jackknife).
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from strata import store
from strata.features.dictionary import read_dictionary
from strata.measures.importance import tells_other_classes

JUDGED = ("accuracy", "loss", "margin")
GROUPS = 20  # of test images, of at least 2 each
_ROWS = 512  # images that are read and judged at a time


def judged(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Judge answers: whether each is right, its cross-entropy, and the true class's logit less the largest other one.

    Parameters
    ----------
    logits
        Images × classes, of which there are at least 2.
    labels
        True classes.

    Returns
    -------
    ndarray
        Images × 3, in the order of `JUDGED`.
    """
    images = np.arange(len(logits))
    true, answer = logits[images, labels], logits.argmax(1)
    top = logits[images, answer]
    loss = np.log(np.exp(logits - top[:, None]).sum(1)) + top - true
    others = logits.copy()
    others[images, labels] = -np.inf
    return np.stack([answer == labels, loss, true - others.max(1)], axis=1)


def support_curve(
    codes: np.ndarray, gradients: np.ndarray, *, bias: np.ndarray, labels: np.ndarray, removed: np.ndarray, steps: int
) -> np.ndarray:
    """Judge the answers of the head on z D when features are removed one after the other.

    Parameters
    ----------
    codes
        Z of test images, images × features.
    gradients
        D Wᵀ, features × classes.
    bias
        What is never removed: the head's bias (classes), or with it the part of other features (images × classes).
    labels
        True classes.
    removed
        All features, in the order in which they are removed.
    steps
        Equal steps from all features to none.

    Returns
    -------
    ndarray
        What `judged` tells with the share 0, 1/steps, …, 1 of the features kept, (steps + 1) × images × 3.
    """
    kept = removed[::-1]
    ends = np.round(np.linspace(0, len(kept), steps + 1)).astype(int)
    logits = np.broadcast_to(bias, (len(codes), gradients.shape[1])).astype(float)
    found = [judged(logits, labels)]
    for start, end in pairwise(ends):
        own = kept[start:end]
        logits += codes[:, own] @ gradients[own]
        found.append(judged(logits, labels))
    return np.stack(found)


def kept_of_each(importance: np.ndarray, removed: float) -> np.ndarray:
    """Return how much of every feature is kept when they are removed in turn until some importance is gone.

    Parameters
    ----------
    importance
        Γ of the features, in the order in which they are removed.
    removed
        The importance that is removed; the last feature that it takes is scaled down by what is left to remove.

    Returns
    -------
    ndarray
        0 (removed) to 1 (kept), of which one at most lies between.
    """
    before = np.cumsum(importance) - importance
    share = np.divide(removed - before, importance, out=np.zeros_like(before), where=importance > 0)
    return 1 - np.where(importance > 0, np.clip(share, 0, 1), before < removed)


def support_of_seed(
    features: pd.DataFrame,
    dictionary: str | Path,
    *,
    code_shards: Sequence[str | Path],
    image_shards: Sequence[str | Path],
    seed: int,
    draws: int = 10,
    steps: int = 20,
) -> pd.DataFrame:
    """Judge the answers of the head on z D with ever fewer features, in several orders of removal.

    Where the head tells other classes than those of the images, an answer is right if it is that of all features, and
    loss and margin are those of that class.

    Parameters
    ----------
    features
        One row a feature: feature, complexity, importance. Features without complexity are never removed.
    dictionary
        The shard of the features.
    code_shards, image_shards
        Of the same images, in the same order.
    draws
        Number of random orders.
    seed
        Of the random orders, and of the groups.
    steps
        From all features to none.

    Returns
    -------
    DataFrame
        One row an order, draw, share_kept and group: order, draw, share_kept, group, accuracy, loss, margin (means
        over the test images of the group; see `judged`), n (how many these are). Orders are what is removed first
        (complex, simple, important or random features), step by step; `complex half`, without the more complex half of
        the features; and `random, same importance`, without features in the random order of the same draw, as many as
        together have the importance of the complex half (see `kept_of_each`).
    """
    found, about = read_dictionary(dictionary)
    gradients = found["dictionary"] @ found["head_weight"].T
    known = features.dropna(subset=["complexity"])
    always = np.setdiff1d(features["feature"], known["feature"])
    rng = np.random.default_rng(seed)
    orders = _orders(known, [rng.permutation(known["feature"].to_numpy()) for _ in range(draws)])
    points = _points(known, orders)
    tests = [_test_rows(path) for path in image_shards]
    group = _dealt(sum(map(len, tests)), rng)
    sums, done = 0.0, 0
    for codes, labels in _blocks(code_shards, image_shards, tests):
        bias = codes[:, always] @ gradients[always] + found["head_bias"]
        if tells_other_classes(found, about):
            labels = (codes @ gradients + found["head_bias"]).argmax(1)
        parts = [
            support_curve(codes, gradients, bias=bias, labels=labels, removed=removed, steps=steps)
            for _, _, removed in orders
        ]
        for _, _, kept in points:
            own = kept.index[kept > 0].to_numpy()
            parts.append(judged(bias + (codes[:, own] * kept[own].to_numpy()) @ gradients[own], labels)[None])
        sums = sums + group[done : done + len(codes)].T @ np.concatenate(parts)
        done += len(codes)
    n = group.sum(0)
    shares = [(order, draw, share) for order, draw, _ in orders for share in np.linspace(0, 1, steps + 1)]
    shares += [(order, draw, kept.mean()) for order, draw, kept in points]
    means = np.reshape(sums / n[:, None], (-1, len(JUDGED)))
    return pd.DataFrame(
        [(*row, own) for row in shares for own in range(len(n))], columns=["order", "draw", "share_kept", "group"]
    ).assign(**dict(zip(JUDGED, means.T, strict=True)), n=np.tile(n.astype(int), len(shares)))


def _orders(known: pd.DataFrame, random: Sequence[np.ndarray]) -> list[tuple[str, int, np.ndarray]]:
    """Return the orders of removal: name, draw, features."""

    def by(column: str, ascending: bool = False) -> np.ndarray:
        return known.sort_values(column, ascending=ascending, kind="stable")["feature"].to_numpy()

    return [
        ("complex first", 0, by("complexity")),
        ("simple first", 0, by("complexity", ascending=True)),
        ("important first", 0, by("importance")),
        *(("random", draw, order) for draw, order in enumerate(random)),
    ]


def _points(known: pd.DataFrame, orders: Sequence[tuple[str, int, np.ndarray]]) -> list[tuple[str, int, pd.Series]]:
    """Return what is compared: name, draw, and how much is kept of every feature."""
    importance, half = known.set_index("feature")["importance"], len(known) // 2
    named = [("complex half", 0, orders[0][2], (np.arange(len(known)) >= half).astype(float))]
    gone = importance[orders[0][2][:half]].sum()
    named += [
        ("random, same importance", draw, order, kept_of_each(importance[order].to_numpy(float), gone))
        for name, draw, order in orders
        if name == "random"
    ]
    return [(name, draw, pd.Series(kept, order)) for name, draw, order, kept in named]


def _dealt(count: int, rng: np.random.Generator) -> np.ndarray:
    """Deal test images into groups of equal size at random; return images × groups, 1 where an image is of a group."""
    groups = max(1, min(GROUPS, count // 2))
    return np.eye(groups)[rng.permutation(np.arange(count) % groups)]


def _test_rows(image_shard: str | Path) -> np.ndarray:
    """Return which of a shard's images training never saw."""
    with store.Shard(image_shard, kind="images") as images:
        return np.flatnonzero(~images.read("train"))


def _blocks(
    code_shards: Sequence[str | Path], image_shards: Sequence[str | Path], tests: Sequence[np.ndarray]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield codes (float64) and labels of some test images at a time, in their order."""
    for code_shard, image_shard, wanted in zip(code_shards, image_shards, tests, strict=True):
        with store.Shard(image_shard, kind="images") as images:
            labels, of = images.read("labels"), images.attributes["images"]
        with store.Shard(code_shard, kind="codes", images=of) as shard:
            for start in range(0, len(labels), _ROWS):
                own = wanted[(wanted >= start) & (wanted < start + _ROWS)]
                if len(own):
                    codes = shard.read("codes", slice(start, start + _ROWS))
                    yield codes[own - start].astype(float), labels[own]
