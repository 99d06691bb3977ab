"""Synthetic tables of what is measured of known factors, and of calibration codes."""

import numpy as np
import pandas as pd

from strata.claims.factor_codes import columns
from strata.images.shapes import VALUES

LAYERS = ["stem", "block-01", "penultimate"]


def errors_with(complexities, noise, seed=0):
    """Return errors of 5 folds in which factors have these complexities, noise apart."""
    rng = np.random.default_rng(seed)
    rows = [
        {"seed": 0, "epoch": epoch, "layer": layer, "factor": factor, "fold": fold, "sst": 100.0, "images": 500}
        | {"sse": 100 * (k + noise * rng.normal())}
        for epoch in (0, 1)
        for layer in LAYERS
        for factor, k in zip(VALUES, complexities, strict=True)
        for fold in range(5)
    ]
    return pd.DataFrame(rows)


def calibration_with(vinfo, moved=0.0, noise=0.0, folds=5, seed=0):
    """Return errors of calibration codes, V-information of the clean ones being that of every factor in LAYERS.

    Of spoilt codes it is their share of it, and in the first layer `moved` more than that.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for number, column in enumerate(columns()):
        about = {"seed": 0, "code": number, **column._asdict(), "firing_rate": column.rate, "images": 500}
        for layer, told in zip(LAYERS, vinfo[column.factor], strict=True):
            for fold in range(folds):
                more = moved if layer == LAYERS[0] and column.share < 1 else 0
                own = column.share * (told + more + noise * rng.normal())
                rows.append({**about, "layer": layer, "fold": fold, "sst": 100.0, "sse": 100 * (1 - own)})
    return pd.DataFrame(rows)


def interventions_with(flips, n=300, seed=0):
    """Return interventions on n images in which these shares of predictions change."""
    rng = np.random.default_rng(seed)
    parts = [
        pd.DataFrame(
            {
                "seed": 0,
                "epoch": epoch,
                "image": [f"shape-{i:06d}" for i in range(n)],
                "factor": factor,
                "importance": 1.0,
                "flipped": (rng.random(n) < share * epoch).astype(int),
            }
        )
        for epoch in (0, 1)
        for factor, share in zip(VALUES, flips, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)
