"""What probes told of every feature in a layer, read back from shards."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from strata import store


def read_vinfo(paths: Sequence[str | Path], layers: Sequence[str], *, features: str, name: str = "vinfo") -> np.ndarray:
    """Return a measurement (layers × features) from the probe results of one checkpoint.

    Parameters
    ----------
    paths
        Shards, which may hold several layers each.
    layers
        Their names, in the order of the rows.
    features
        Those that are asked for, of all that were probed together.
    name
        vinfo or cka; of sse and sst, what is returned is layers × folds × features.
    """
    found = {}
    for path in paths:
        with store.Shard(path, kind="vinfo") as shard:
            for layer in shard.attributes["layers"]:
                found[layer] = shard.read(f"{features}/{layer}/{name}")
    return np.stack([found[layer] for layer in layers])
