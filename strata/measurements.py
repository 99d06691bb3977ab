"""Measurements: every scalar that the questions use, one row a feature.

Complexity K, temporal decoding score Δ and importance Γ are those of the paper (Fel et al. 2024). The features of the
last checkpoint are the ones that the questions are asked of; features discovered afresh at every checkpoint tell how
the whole population changes.
"""

from collections.abc import Sequence
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
    features: str | Path, code_shards: Sequence[str], activation_shards: Sequence[str]
) -> pd.DataFrame:
    """Return Γ of every feature for the class that the network predicts, averaged over the studied images.

    Returns
    -------
    DataFrame
        One row a feature: feature, importance (mean of |z ∂y/∂z|), signed_importance (mean of z ∂y/∂z).
    """
    found, about = store.read(features, kind="features")
    own = store.digest(found["dictionary"].tobytes())
    gradients = found["dictionary"] @ found["head_weight"].T
    absolute = signed = np.zeros(len(gradients))
    images = 0
    for code_shard, activation_shard in zip(code_shards, activation_shards, strict=True):
        with store.Shard(code_shard, kind="codes", features=own) as shard:
            codes, of = shard.read("codes"), shard.attributes["images"]
        expected = {"layer": PENULTIMATE, "images": of, "checkpoint": about["checkpoint"]}
        with store.Shard(activation_shard, **expected) as shard:
            logits = shard.read("activations") @ found["head_weight"].T + found["head_bias"]
        a, s = importance(codes, gradients, logits.argmax(1))
        absolute, signed, images = absolute + a, signed + s, images + len(codes)
    return pd.DataFrame(
        {
            "feature": np.arange(len(gradients)),
            "importance": absolute / images,
            "signed_importance": signed / images,
        }
    )


def features_of_seed(
    seed: int,
    features: str | Path,
    importances: pd.DataFrame,
    vinfo: dict[str, np.ndarray],
    layers: Sequence[str],
    decoding: np.ndarray,
) -> pd.DataFrame:
    """Return one row a feature with every scalar that the questions use.

    Parameters
    ----------
    vinfo
        Probed layer to the V-information of all features in it, at the last checkpoint.
    layers
        Those of them that complexity is the mean over.
    decoding
        V-information in the penultimate layer of every trained checkpoint, epochs × features.
    """
    found, about = store.read(features, kind="features")
    table = pd.DataFrame(
        {
            "seed": seed,
            "feature": importances["feature"].to_numpy(),
            "class": [about["classes"][c] for c in found["origin"]],
            "complexity": complexity(np.stack([vinfo[layer] for layer in layers])),
            "temporal_decoding_score": temporal_decoding_score(decoding),
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


def quality_of_codes(path: str | Path) -> dict[str, float]:
    """Return how well a shard's codes reconstruct its activations: r2, share of zeros, unsolved images."""
    with store.Shard(path, kind="codes") as shard:
        return {name: shard.attributes[name] for name in ("r2", "zeros", "unsolved")}


def earliness(branch_cka: pd.DataFrame) -> pd.Series:
    """Return how early the skip branch carries a feature: mean over blocks of its CKA, as a share of the last block's.

    Parameters
    ----------
    branch_cka
        Linear CKA with the branches: seed, layer, feature, cka.
    """
    skip = branch_cka[branch_cka["layer"].str.endswith("-skip")]
    skip = skip.pivot(index=["seed", "feature"], columns="layer", values="cka")
    return skip.mean(axis=1) / skip.iloc[:, -1].where(skip.iloc[:, -1] > 0)
