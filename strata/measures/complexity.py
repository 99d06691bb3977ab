"""Complexity K and temporal decoding score Δ of every feature, from V-information (Fel et al. 2024)."""

import numpy as np
import pandas as pd

from strata.probes.families import REFERENCE


def complexity(vinfo: np.ndarray) -> np.ndarray:
    """Return K = 1 − mean over layers of I_V clipped to [0, 1] (layers × features); NaN where it is missing."""
    return 1 - np.clip(vinfo, 0, 1).mean(0)


def temporal_decoding_score(vinfo: np.ndarray) -> np.ndarray:
    """Return Δ = 1 − mean over epochs of I_V in the penultimate layer (epochs × features)."""
    return 1 - np.clip(vinfo, 0, 1).mean(0)


def decodable_from(vinfo: np.ndarray, share: float = 0.5) -> np.ndarray:
    """Return the number of the first layer, from 1, with a share of the best layer's V-information (layers × features).

    NaN where no layer tells anything.

    Parameters
    ----------
    vinfo
        Layers × features.
    share
        Of the best layer's V-information.
    """
    best = vinfo.max(0)
    first = (vinfo >= share * best).argmax(0) + 1.0
    return np.where(best > 0, first, np.nan)


def without_each_fold(sse: np.ndarray, sst: np.ndarray) -> np.ndarray:
    """Return V-information from all held-out folds but one, for every fold in turn (folds before features).

    What an estimate does without some of the images tells how uncertain it is over images (the jackknife).

    Parameters
    ----------
    sse, sst
        Squared errors of probe and mean on each held-out fold, … × folds × features.
    """
    return 1 - (sse.sum(-2, keepdims=True) - sse) / (sst.sum(-2, keepdims=True) - sst)


def complexity_by_family(by_family: pd.DataFrame) -> pd.DataFrame:
    """Return one row a feature that has a complexity: seed, feature, complexity_<family>, the reference family first.

    Parameters
    ----------
    by_family
        One row a seed, family and feature: complexity.
    """
    wide = by_family.pivot(index=["seed", "feature"], columns="family", values="complexity").dropna()
    ordered = wide[sorted(wide, key=lambda family: family != REFERENCE)]
    return ordered.add_prefix("complexity_").rename_axis(columns=None).reset_index()
