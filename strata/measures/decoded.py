"""Decoding: what a probe of an early, a middle and the last block sees of a simple, a middling and a complex feature.

The probes are those behind V-information: ridge regressions whose penalty is chosen inside the fit folds. Every image
is judged by the probe that was not fitted to it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from strata import store
from strata.device import compute_device
from strata.probes.moments import accumulate, in_blocks
from strata.probes.ridge import Ridge, v_information

RANKS = {"simple": 0.05, "middle": 0.5, "complex": 0.95}


def examples(features: pd.DataFrame) -> pd.DataFrame:
    """Return a simple, a middling and a complex feature: those at 5, 50 and 95 % of the ranks of complexity.

    Parameters
    ----------
    features
        One row a feature of one seed, with `feature` and `complexity`; at least one complexity is known.
    """
    known = features.dropna(subset=["complexity"]).sort_values(["complexity", "feature"])
    rows = [round(rank * (len(known) - 1)) for rank in RANKS.values()]
    return known.iloc[rows].assign(rank=list(RANKS))


def decode(
    activations: Sequence[str | Path],
    codes: Sequence[str | Path],
    *,
    layer: str,
    chosen: np.ndarray,
    folds: int,
    penalties: Sequence[float],
    seed: int,
    studied: str = "all",
) -> dict[str, np.ndarray]:
    """Decode some features from a layer.

    Parameters
    ----------
    activations, codes
        Shards, in the same order.
    layer
        That the activations are of.
    chosen
        Numbers of the features.
    folds, penalties, seed
        Of the probes (see `strata.probes.ridge.measure`).
    studied
        all images, or test: those alone that training never saw.

    Returns
    -------
    dict
        `prediction`, the held-out prediction of the code of every image (images × features, shard by shard; NaN for
        those that are not studied); `weights`, the decoded direction, which is the mean of the probes of all folds
        (units × features); `vinfo`, V-information (features).
    """
    how: dict[str, Any] = {"layer": layer, "folds": folds, "seed": seed, "studied": studied}
    moments = accumulate(activations, codes, **how, chosen=chosen).centred()
    found = v_information(moments, penalties)
    assert found.penalty is not None
    probes = []
    for fold in range(folds):
        fit = Ridge(moments, (fold,), dtype=torch.float64)
        probes.append(fit.probes(moments.z, moments.xz, shrinkage=fit.shrinkage(found.penalty[fold])))
    weights, constants = (torch.stack(part) for part in zip(*probes, strict=True))  # folds × d × k, folds × k
    prediction = []
    for block, _, fold_of_image in in_blocks(activations, codes, **how):
        x = torch.from_numpy(block.astype(np.float64)).to(compute_device()) - moments.origin_x
        z = x.new_full((len(x), len(chosen)), torch.nan)
        for fold in range(folds):
            own = torch.from_numpy(fold_of_image == fold).to(x.device)
            z[own] = x[own] @ weights[fold] + constants[fold] + moments.origin_z
        prediction.append(z)
    return {
        "prediction": torch.cat(prediction).cpu().numpy(),
        "weights": weights.mean(0).cpu().numpy(),
        "vinfo": found.value.cpu().numpy(),
    }


def decode_examples(
    layers: dict[str, list[str]],
    codes: Sequence[str],
    *,
    features: pd.DataFrame,
    folds: int,
    penalties: Sequence[float],
    seed: int,
    studied: str = "all",
    output: str | Path,
) -> None:
    """Decode the example features from some layers, and write `<layer>/prediction`, `/weights` and `/vinfo`.

    Parameters
    ----------
    layers
        Layer to its activation shards, in the order of `codes`.
    codes
        Shards.
    features
        See `examples`.
    folds, penalties, seed
        Of the probes (see `strata.probes.ridge.measure`).
    studied
        all images, or test: those alone that training never saw.
    output
        The shard.
    """
    chosen = examples(features)["feature"].to_numpy()
    arrays = {"features": chosen}
    for layer, shards in layers.items():
        for name, value in decode(
            shards, codes, layer=layer, chosen=chosen, folds=folds, penalties=penalties, seed=seed, studied=studied
        ).items():
            arrays[f"{layer}/{name}"] = value
    store.write(output, arrays, kind="decoded", layers=list(layers), ranks=list(RANKS))
