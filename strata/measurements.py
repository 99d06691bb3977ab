"""Measurements: every scalar that the questions use, one row a feature.

Complexity K, temporal decoding score Δ and importance Γ are those of the paper (Fel et al. 2024). The features of the
last checkpoint are the ones that the questions are asked of; features discovered afresh at every checkpoint tell how
the whole population changes.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from strata import store
from strata.layers import PENULTIMATE


def complexity(vinfo: np.ndarray) -> np.ndarray:
    """Return K = 1 − mean over layers of I_V clipped to [0, 1] (layers × features); NaN where it is missing."""
    return 1 - np.clip(vinfo, 0, 1).mean(0)


def temporal_decoding_score(vinfo: np.ndarray) -> np.ndarray:
    """Return Δ = 1 − mean over epochs of I_V in the penultimate layer (epochs × features)."""
    return 1 - np.clip(vinfo, 0, 1).mean(0)


def decodable_from(vinfo: np.ndarray, share: float = 0.5) -> np.ndarray:
    """Return the number of the first layer, from 1, with a share of the best layer's V-information (layers × features).

    NaN where no layer tells anything.
    """
    best = vinfo.max(0)
    first = (vinfo >= share * best).argmax(0) + 1.0
    return np.where(best > 0, first, np.nan)


def without_each_fold(sse: np.ndarray, sst: np.ndarray) -> np.ndarray:
    """Return V-information from all held-out folds but one, for every fold in turn (folds before features).

    What an estimate does without some of the images tells how uncertain it is over images (the jackknife).
    """
    return 1 - (sse.sum(-2, keepdims=True) - sse) / (sst.sum(-2, keepdims=True) - sst)


def support_curve(
    codes: np.ndarray, gradients: np.ndarray, bias: np.ndarray, labels: np.ndarray, removed: np.ndarray, steps: int
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
    table: pd.DataFrame,
    features: str | Path,
    code_shards: Sequence[str | Path],
    image_shards: Sequence[str | Path],
    draws: int,
    seed: int,
    steps: int = 20,
) -> pd.DataFrame:
    """Measure the accuracy of the head on z D with ever fewer features, in several orders of removal.

    Where the head tells other classes than those of the images, an answer is right if it is that of all features.

    Parameters
    ----------
    table
        One row a feature: feature, complexity, importance. Features without complexity are never removed.
    draws
        Number of random orders.

    Returns
    -------
    DataFrame
        order (what is removed first: complex, simple, important or random features), draw, share_kept, accuracy,
        n (test images).
    """
    found, about = store.read(features, kind="features")
    gradients = found["dictionary"] @ found["head_weight"].T
    codes, labels = _test_images(code_shards, image_shards)
    if _tells_other_classes(found, about):
        labels = (codes @ gradients + found["head_bias"]).argmax(1)
    known = table.dropna(subset=["complexity"])
    always = np.setdiff1d(table["feature"], known["feature"])
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
                    "accuracy": support_curve(codes, gradients, bias, labels, removed, steps),
                    "n": len(labels),
                }
            )
        )
        drawn += name == "random"
    return pd.concat(parts)


def _tells_other_classes(found: dict[str, np.ndarray], about: dict[str, Any]) -> bool:
    """Whether the head in a shard of features has other classes than the images, so that labels are none of its."""
    return len(found["head_weight"]) != len(about["classes"])


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


def read_vinfo(paths: Sequence[str | Path], layers: Sequence[str], name: str = "vinfo") -> np.ndarray:
    """Return a measurement (layers × features) from the probe results of one checkpoint."""
    found = {}
    for path in paths:
        with store.Shard(path, kind="vinfo") as shard:
            for layer in shard.attributes["layers"]:
                found[layer] = shard.read(f"{layer}/{name}")
    return np.stack([found[layer] for layer in layers])


def hoyer(dictionary: np.ndarray) -> np.ndarray:
    """Return the Hoyer sparsity of every feature's direction, NaN where a direction is zero.

    (√d − ‖x‖₁/‖x‖₂) / (√d − 1): 0 where all d units share a direction equally (distributed), 1 where it is one unit
    (local) (Hoyer 2004; the paper's figure 16).

    Parameters
    ----------
    dictionary
        D, features × units.
    """
    size = np.linalg.norm(dictionary, axis=1)
    ratio = np.abs(dictionary).sum(1) / np.where(size > 0, size, np.nan)
    root = np.sqrt(dictionary.shape[1])
    return (root - ratio) / (root - 1)


def robustness_over_levels(by_level: pd.DataFrame) -> pd.DataFrame:
    """Return the mean robustness over noise levels, missing where it is at any level.

    Parameters
    ----------
    by_level
        feature, level, robustness of one seed.

    Returns
    -------
    DataFrame
        feature, robustness.
    """
    wide = by_level.pivot(index="feature", columns="level", values="robustness")
    return wide.mean(axis=1, skipna=False).rename("robustness").reset_index()


def importance(codes: np.ndarray, gradients: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum gradient × input of every feature over images (the paper's Γ, times the number of images).

    The head is linear, y = z D Wᵀ + b, so that ∂y_c/∂z_i = (D Wᵀ)_ic.

    Parameters
    ----------
    codes
        Z, images × features.
    gradients
        D Wᵀ, features × classes.
    classes
        The class whose logit is explained, for every image.

    Returns
    -------
    absolute, signed : ndarray
        Σ |z_i ∂y/∂z_i| and Σ z_i ∂y/∂z_i, one entry a feature.
    """
    contributions = codes * gradients.T[classes]
    return np.abs(contributions).sum(0), contributions.sum(0)


def importance_of_checkpoint(
    features: str | Path,
    code_shards: Sequence[str | Path],
    activation_shards: Sequence[str | Path],
    image_shards: Sequence[str | Path],
) -> pd.DataFrame:
    """Return Γ of every feature, averaged over the studied images, for each class that it can be asked of.

    Returns
    -------
    DataFrame
        One row a target and feature: target (whose logit y is: predicted, label or all), feature, importance (mean of
        |z ∂y/∂z|),
        signed_importance (mean of z ∂y/∂z). For all classes, both are also means over the classes.
    """
    found, about = store.read(features, kind="features")
    own = store.digest(found["dictionary"].tobytes())
    gradients = found["dictionary"] @ found["head_weight"].T
    sums = {target: np.zeros((2, len(gradients))) for target in ("predicted", "label", "all")}
    if _tells_other_classes(found, about):
        del sums["label"]
    images = 0
    for code_shard, activation_shard, image_shard in zip(code_shards, activation_shards, image_shards, strict=True):
        with store.Shard(code_shard, kind="codes", features=own) as shard:
            codes, of = shard.read("codes"), shard.attributes["images"]
        expected = {"layer": PENULTIMATE, "images": of, "checkpoint": about["checkpoint"]}
        with store.Shard(activation_shard, **expected) as shard:
            logits = shard.read("activations") @ found["head_weight"].T + found["head_bias"]
        with store.Shard(image_shard, kind="images", images=of) as shard:
            labels = shard.read("labels")
        sums["predicted"] += importance(codes, gradients, logits.argmax(1))
        if "label" in sums:
            sums["label"] += importance(codes, gradients, labels)
        sums["all"] += codes.sum(0) * np.stack([np.abs(gradients).mean(1), gradients.mean(1)])
        images += len(codes)
    return pd.concat(
        pd.DataFrame(
            {
                "target": target,
                "feature": np.arange(len(gradients)),
                "importance": absolute / images,
                "signed_importance": signed / images,
            }
        )
        for target, (absolute, signed) in sums.items()
    )


def features_of_seed(
    seed: int,
    features: str | Path,
    importances: pd.DataFrame,
    vinfo: dict[str, np.ndarray],
    layers: Sequence[str],
    decoding: np.ndarray | None,
) -> pd.DataFrame:
    """Return one row a feature with every scalar that the questions use.

    Parameters
    ----------
    vinfo
        Probed layer to the V-information of all features in it, at the last checkpoint.
    layers
        Those of them that complexity is the mean over.
    decoding
        V-information in the penultimate layer of every trained checkpoint, epochs × features; None where there is one
        alone, which tells nothing of time.
    """
    found, about = store.read(features, kind="features")
    table = pd.DataFrame(
        {
            "seed": seed,
            "feature": importances["feature"].to_numpy(),
            "class": [about["classes"][c] for c in found["origin"]],
            "complexity": complexity(np.stack([vinfo[layer] for layer in layers])),
            **({} if decoding is None else {"temporal_decoding_score": temporal_decoding_score(decoding)}),
            "importance": importances["importance"].to_numpy(),
            "signed_importance": importances["signed_importance"].to_numpy(),
            "hoyer": hoyer(found["dictionary"]),
        }
    )
    return table.assign(**{f"vinfo_{layer}": values for layer, values in vinfo.items()})


def long_table(values: np.ndarray, layers: Sequence[str], name: str, **constants: Any) -> pd.DataFrame:
    """Return a measurement (layers × features) as a table with the columns layer, feature and `name`."""
    count = values.shape[1]
    return pd.DataFrame(
        {
            **constants,
            "layer": np.repeat(list(layers), count),
            "feature": np.tile(np.arange(count), len(layers)),
            name: values.ravel(),
        }
    )


def by_family(vinfo: dict[str, dict[str, np.ndarray]], layers: Sequence[str], **constants: Any) -> pd.DataFrame:
    """Return one row a feature and predictive family: complexity, and V-information in every probed layer.

    Parameters
    ----------
    vinfo
        Family to probed layer to the V-information of all features in it.
    layers
        Those of them that complexity is the mean over.
    """
    return pd.concat(
        pd.DataFrame(
            {
                **constants,
                "family": family,
                "feature": np.arange(len(found[layers[0]])),
                "complexity": complexity(np.stack([found[layer] for layer in layers])),
                **{f"vinfo_{layer}": values for layer, values in found.items()},
            }
        )
        for family, found in vinfo.items()
    )


def quality_of_codes(path: str | Path) -> dict[str, float]:
    """Return how well a shard's codes reconstruct its activations: r2, share of zeros, unsolved images."""
    with store.Shard(path, kind="codes") as shard:
        return {name: shard.attributes[name] for name in ("r2", "zeros", "unsolved")}


def _skip_cka(branch_cka: pd.DataFrame) -> pd.DataFrame:
    """Return the CKA with the skip branches: a row a seed and feature, a column a block, first to last."""
    skip = branch_cka[branch_cka["layer"].str.endswith("-skip")]
    return skip.pivot(index=["seed", "feature"], columns="layer", values="cka")


def earliness(branch_cka: pd.DataFrame) -> pd.Series:
    """Return how early the skip branch carries a feature: mean over blocks of its CKA, as a share of the last block's.

    Parameters
    ----------
    branch_cka
        Linear CKA with the branches: seed, layer, feature, cka.
    """
    skip = _skip_cka(branch_cka)
    return skip.mean(axis=1) / skip.iloc[:, -1].where(skip.iloc[:, -1] > 0)


def teleport_block(branch_cka: pd.DataFrame, share: float = 0.9) -> pd.Series:
    """Return the number of the first block at which the skip branch holds a share of its final CKA with a feature.

    Parameters
    ----------
    branch_cka
        Linear CKA with the branches: seed, layer, feature, cka.
    """
    skip = _skip_cka(branch_cka)
    blocks = skip.columns.str.extract(r"(\d+)", expand=False).astype(float)
    reached = skip.to_numpy() >= share * skip.iloc[:, [-1]].to_numpy()
    first = np.where(skip.iloc[:, -1] > 0, blocks.to_numpy()[reached.argmax(1)], np.nan)
    return pd.Series(first, skip.index, name="teleport_block")


SHOWN = 30  # meta-features, as many as the paper shows


def meta_features(features: pd.DataFrame) -> pd.DataFrame:
    """Return the meta-features, simple to complex; where there are more than 30, some at equal steps of rank.

    Parameters
    ----------
    features
        One row a feature of one seed; features whose complexity is missing count for nothing.

    Returns
    -------
    DataFrame
        meta_feature, complexity, umap_x, umap_y (means over its features), n (how many), rank (by complexity, from 1).
    """
    means = features.dropna(subset=["complexity"]).groupby("meta_feature")
    table = means[["complexity", "umap_x", "umap_y"]].mean().assign(n=means.size()).reset_index()
    table = table.sort_values(["complexity", "meta_feature"], ignore_index=True)
    table["rank"] = np.arange(1, len(table) + 1)
    rows = np.unique(np.linspace(0, len(table) - 1, SHOWN).round().astype(int))
    return table.iloc[rows].reset_index(drop=True)
