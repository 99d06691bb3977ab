"""Complexity K and temporal decoding score Δ of every feature, from V-information (Fel et al. 2024)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from strata.probes.families import REFERENCE
from strata.statistics import jackknife_error, widening

FLOOR = 0.1  # a ceiling below this is too near nothing to divide by


def complexity(vinfo: np.ndarray) -> np.ndarray:
    """Return K = 1 − mean over layers of I_V clipped to [0, 1] (layers × features); NaN where it is missing."""
    return 1 - np.clip(vinfo, 0, 1).mean(0)


def relative(vinfo: np.ndarray, ceiling: np.ndarray, *, floor: float = FLOOR) -> np.ndarray:
    """Return I_V ÷ ceiling, clipped to [0, 1] (layers × features); NaN where the ceiling is missing or below a floor.

    A code is no linear function of its own layer, because it is never negative. What that layer tells of it, the
    ceiling, is all that any can; divided by it, V-information tells depth alone.

    Parameters
    ----------
    vinfo
        Layers × features.
    ceiling
        V-information in the penultimate layer (features).
    floor
        The smallest ceiling that is divided by.
    """
    return np.clip(np.clip(vinfo, 0, 1) / np.where(ceiling >= floor, ceiling, np.nan), 0, 1)


def relative_complexity(vinfo: np.ndarray, ceiling: np.ndarray, *, floor: float = FLOOR) -> np.ndarray:
    """Return K of what can be decoded at all: 1 − mean over layers of I_V ÷ ceiling (see `relative`).

    Parameters
    ----------
    vinfo
        Layers × features.
    ceiling
        V-information in the penultimate layer (features).
    floor
        The smallest ceiling that is divided by.
    """
    return 1 - relative(vinfo, ceiling, floor=floor).mean(0)


def error_over_folds(without: np.ndarray) -> np.ndarray:
    """Return the standard error over images of values without each fold (folds × features).

    The jackknife's, inflated for what the probes of two folds share (see `strata.statistics.widening`).
    """
    return widening(len(without)) * jackknife_error(without)


def temporal_decoding_score(vinfo: np.ndarray, epochs: Sequence[int]) -> np.ndarray:
    """Return Δ = 1 − mean over epochs of I_V in the penultimate layer (epochs × features).

    A checkpoint stands for the epochs since the one before, so that those that were not kept count too; where every
    epoch is kept, this is the paper's mean.

    Parameters
    ----------
    vinfo
        Epochs × features.
    epochs
        Of the trained checkpoints.
    """
    return 1 - np.average(np.clip(vinfo, 0, 1), axis=0, weights=np.diff(epochs, prepend=0))


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
