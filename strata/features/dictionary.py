"""The dictionary D (features × units) of a checkpoint, gathered from its classes; stored in float32."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from strata import store


def gather(parts: Sequence[str | Path], output: str | Path) -> None:
    """Stack the features of all classes, which several jobs discovered, to one dictionary with its head.

    Parameters
    ----------
    parts
        Shards of the features of some classes each, in the order of the classes; the first has the head.
    output
        The shard of all.
    """
    found, about = store.read(parts[0], kind="features")
    own = [found, *(store.read(part, kind="features", checkpoint=about["checkpoint"])[0] for part in parts[1:])]
    stacked = {name: np.concatenate([part[name] for part in own]) for name in ("dictionary", "origin")}
    store.write(output, found | stacked, **about)


def read_dictionary(path: str | Path, **expected: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays of a dictionary, float64 to compute with, and its attributes (see `strata.store.Shard`).

    Parameters
    ----------
    path
        The shard.
    **expected
        Attributes that it must have, with their values.
    """
    found, about = store.read(path, kind="features", **expected)
    return {name: array if name == "origin" else array.astype(np.float64) for name, array in found.items()}, about
