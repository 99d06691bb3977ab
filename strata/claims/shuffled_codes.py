"""A control: codes shuffled over images, which nothing can decode."""

import numpy as np


def shuffled(codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return codes shuffled over their images, every feature by itself, which tell nothing (images × features).

    Parameters
    ----------
    codes
        Z, images × features.
    rng
        What is drawn from.
    """
    return rng.permuted(codes, axis=0)
