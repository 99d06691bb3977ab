"""Decoding: what a probe of an early, a middle and the last block sees of a simple, a middling and a complex feature.

The probes are those behind V-information: ridge regressions whose penalty is chosen inside the fit folds. Every image
is judged by the probe that was not fitted to it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from strata import models, store
from strata.probes import Ridge, accumulate, in_blocks, v_information

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
    activation_shards: Sequence[str | Path],
    code_shards: Sequence[str | Path],
    layer: str,
    features: np.ndarray,
    folds: int,
    penalties: Sequence[float],
    seed: int,
) -> dict[str, np.ndarray]:
    """Decode some features from a layer.

    Returns
    -------
    dict
        `prediction`, the held-out prediction of the code of every image (images × features, shard by shard);
        `weights`, the decoded direction, which is the mean of the probes of all folds (units × features);
        `vinfo`, V-information (features).
    """
    moments = accumulate(activation_shards, code_shards, layer, folds, seed, features).centred()
    found = v_information(moments, penalties)
    assert found.penalty is not None
    probes = []
    for fold in range(folds):
        fit = Ridge(moments, (fold,), torch.float64)
        probes.append(fit.probes(moments.z, moments.xz, fit.shrinkage(found.penalty[fold])))
    weights, constants = (torch.stack(part) for part in zip(*probes, strict=True))  # folds × d × k, folds × k
    prediction = []
    for block, _, fold_of_image in in_blocks(activation_shards, code_shards, layer, folds, seed):
        x = torch.from_numpy(block.astype(np.float64)).to(models.device()) - moments.origin_x
        z = x.new_zeros(len(x), len(features))
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
    code_shards: Sequence[str],
    features: pd.DataFrame,
    folds: int,
    penalties: Sequence[float],
    seed: int,
    output: str | Path,
) -> None:
    """Decode the example features from some layers, and write `<layer>/prediction`, `/weights` and `/vinfo`.

    Parameters
    ----------
    layers
        Layer to its activation shards, in the order of `code_shards`.
    features
        See `examples`.
    """
    chosen = examples(features)["feature"].to_numpy()
    arrays = {"features": chosen}
    for layer, shards in layers.items():
        for name, value in decode(shards, code_shards, layer, chosen, folds, penalties, seed).items():
            arrays[f"{layer}/{name}"] = value
    store.write(output, arrays, kind="decoded", layers=list(layers), ranks=list(RANKS))
