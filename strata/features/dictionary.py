"""The dictionary D (features × units) of a checkpoint, gathered from its classes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from strata import store


def gather(parts: Sequence[str | Path], output: str | Path) -> None:
    """Stack the features of all classes, which several jobs discovered, to one dictionary with its head.

    Parameters
    ----------
    parts
        Shards of the features of some classes each, in the order of the classes.
    output
        The shard of all.
    """
    found, about = store.read(parts[0], kind="features")
    own = [found, *(store.read(part, kind="features", checkpoint=about["checkpoint"])[0] for part in parts[1:])]
    stacked = {name: np.concatenate([part[name] for part in own]) for name in ("dictionary", "origin")}
    store.write(output, found | stacked, **about)
