"""A control: random directions in place of a checkpoint's features."""

import numpy as np


def random_directions(dictionary: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return directions as random as they can be and still look like features, one unit at a time: a control.

    The entries of every unit are permuted over the rows of D, and rows scaled to unit norm. So each unit keeps how
    often, and by how much relative to other entries of its own, features use it, while which units go together, and
    that alone makes a direction, is lost. Rows of `|normal|` numbers would be another null hypothesis: they use all
    units alike, dead ones too, and are all nearly parallel (cosine 2/π), which no dictionary is.

    Parameters
    ----------
    dictionary
        D, features × units.
    rng
        What is drawn from.

    Returns
    -------
    ndarray
        As many directions, of unit norm; a row that got only zeros stays zero.
    """
    rows = rng.permuted(dictionary, axis=0)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
