"""Sparsity of the features' directions: how many units share one."""

import numpy as np


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
