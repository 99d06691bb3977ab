"""Support: the accuracy that is left when features are removed (Fel et al. 2024, figure 9)."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from strata import store
from strata.measures.importance import tells_other_classes


def support_curve(
    codes: np.ndarray, gradients: np.ndarray, *, bias: np.ndarray, labels: np.ndarray, removed: np.ndarray, steps: int
) -> np.ndarray:
    """Return the accuracy of the head on z D when features are removed one after the other.

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
        Accuracy with the share 0, 1/steps, …, 1 of the features kept (steps + 1).
    """
    kept = removed[::-1]
    ends = np.round(np.linspace(0, len(kept), steps + 1)).astype(int)
    logits = np.broadcast_to(bias, (len(codes), gradients.shape[1])).astype(float)
    accuracy = [(logits.argmax(1) == labels).mean()]
    for start, end in pairwise(ends):
        own = kept[start:end]
        logits += codes[:, own] @ gradients[own]
        accuracy.append((logits.argmax(1) == labels).mean())
    return np.array(accuracy)


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
    """Measure the accuracy of the head on z D with ever fewer features, in several orders of removal.

    Where the head tells other classes than those of the images, an answer is right if it is that of all features.

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
        Of the random orders.
    steps
        From all features to none.

    Returns
    -------
    DataFrame
        order (what is removed first: complex, simple, important or random features), draw, share_kept, accuracy,
        n (test images).
    """
    found, about = store.read(dictionary, kind="features")
    gradients = found["dictionary"] @ found["head_weight"].T
    codes, labels = _test_images(code_shards, image_shards)
    if tells_other_classes(found, about):
        labels = (codes @ gradients + found["head_bias"]).argmax(1)
    known = features.dropna(subset=["complexity"])
    always = np.setdiff1d(features["feature"], known["feature"])
    bias = codes[:, always] @ gradients[always] + found["head_bias"]
    rng = np.random.default_rng(seed)
    orders = [
        ("complex first", known.sort_values("complexity", ascending=False, kind="stable")["feature"].to_numpy()),
        ("simple first", known.sort_values("complexity", kind="stable")["feature"].to_numpy()),
        ("important first", known.sort_values("importance", ascending=False, kind="stable")["feature"].to_numpy()),
        *(("random", rng.permutation(known["feature"].to_numpy())) for _ in range(draws)),
    ]
    parts, drawn = [], 0
    for name, removed in orders:
        parts.append(
            pd.DataFrame(
                {
                    "order": name,
                    "draw": drawn if name == "random" else 0,
                    "share_kept": np.linspace(0, 1, steps + 1),
                    "accuracy": support_curve(codes, gradients, bias=bias, labels=labels, removed=removed, steps=steps),
                    "n": len(labels),
                }
            )
        )
        drawn += name == "random"
    return pd.concat(parts)


def _test_images(
    code_shards: Sequence[str | Path], image_shards: Sequence[str | Path]
) -> tuple[np.ndarray, np.ndarray]:
    """Return codes and labels of the images that training never saw."""
    codes, labels = [], []
    for code_shard, image_shard in zip(code_shards, image_shards, strict=True):
        with store.Shard(image_shard, kind="images") as images:
            test, truth = ~images.read("train"), images.read("labels")
            of = images.attributes["images"]
        with store.Shard(code_shard, kind="codes", images=of) as shard:
            codes.append(shard.read("codes")[test])
        labels.append(truth[test])
    return np.concatenate(codes), np.concatenate(labels)
