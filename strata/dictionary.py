"""The dictionary D (features × units) of a checkpoint: gathered from its classes, and a random one as a control."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from strata import store


def gather(parts: Sequence[str | Path], output: str | Path) -> None:
    """Stack the features of all classes, which several jobs discovered, to one dictionary with its head."""
    found, about = store.read(parts[0], kind="features")
    own = [found, *(store.read(part, kind="features", checkpoint=about["checkpoint"])[0] for part in parts[1:])]
    stacked = {name: np.concatenate([part[name] for part in own]) for name in ("dictionary", "origin")}
    store.write(output, found | stacked, **about)


def random_directions(dictionary: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return directions as random as they can be and still look like features, one unit at a time: a control.

    The entries of every unit are permuted over the rows of D, and rows scaled to unit norm. So each unit keeps how
    often, and by how much relative to other entries of its own, features use it, while which units go together, and
    that alone makes a direction, is lost. Rows of |normal| numbers would be another null hypothesis: they use all
    units alike, dead ones too, and are all nearly parallel (cosine 2/π), which no dictionary is.

    Parameters
    ----------
    dictionary
        D, features × units.

    Returns
    -------
    ndarray
        As many directions, of unit norm; a row that got only zeros stays zero.
    """
    rows = rng.permuted(dictionary, axis=0)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)


def write_random_directions(features: str | Path, seed: int, output: str | Path) -> None:
    """Write random directions in place of a checkpoint's features, with the same head; they come from no class."""
    found, about = store.read(features, kind="features")
    found["dictionary"] = random_directions(found["dictionary"], np.random.default_rng(seed))
    del found["origin"]
    store.write(output, found, **about)
