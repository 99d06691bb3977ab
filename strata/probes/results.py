"""What probes told of every feature in a layer, read back from shards."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from strata import store


def read_vinfo(paths: Sequence[str | Path], layers: Sequence[str], *, name: str = "vinfo") -> np.ndarray:
    """Return a measurement (layers × features) from the probe results of one checkpoint."""
    found = {}
    for path in paths:
        with store.Shard(path, kind="vinfo") as shard:
            for layer in shard.attributes["layers"]:
                found[layer] = shard.read(f"{layer}/{name}")
    return np.stack([found[layer] for layer in layers])
