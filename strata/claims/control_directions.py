"""Controls that put other directions in place of a checkpoint's features."""

from pathlib import Path

import numpy as np

from strata import store
from strata.claims.controls import CONTROLS


def write_directions(control: str, dictionary: str | Path, *, seed: int, output: str | Path) -> None:
    """Write a control's directions in place of a checkpoint's features, with the same head; they come from no class.

    Parameters
    ----------
    control
        Name of one of `strata.claims.controls`, which has directions of its own.
    dictionary
        The shard of the dictionary.
    seed
        Of what is random.
    output
        The shard.
    """
    found, about = store.read(dictionary, kind="features")
    features = found["dictionary"].astype(np.float64)
    directions = CONTROLS[control].other_directions(features, np.random.default_rng(seed))
    no_class = np.full(len(directions), -1)
    store.write(output, {**found, "dictionary": directions.astype(np.float32), "origin": no_class}, **about)
