"""What probes tell of every feature in a layer: in memory, and as shards."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from strata import store

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class VInformation:
    """V-information of every feature in a layer.

    Attributes
    ----------
    value : Tensor
        1 − ΣSSE/ΣSST over the held-out folds (K); NaN marks a feature whose code is constant.
    sse, sst : Tensor
        Squared errors of probe and mean on each held-out fold (folds × K).
    penalty : Tensor or None
        The penalty chosen for each held-out fold (folds × K); of the linear family alone.
    """

    value: "Tensor"
    sse: "Tensor"
    sst: "Tensor"
    penalty: "Tensor | None" = None

    def arrays(self) -> dict[str, "Tensor"]:
        """Return the datasets that a shard of results has of every layer."""
        named = {"vinfo": self.value, "sse": self.sse, "sst": self.sst, "penalty": self.penalty}
        return {name: values for name, values in named.items() if values is not None}


def read_vinfo(paths: Sequence[str | Path], layers: Sequence[str], *, name: str = "vinfo") -> np.ndarray:
    """Return a measurement (layers × features) from the probe results of one checkpoint."""
    found = {}
    for path in paths:
        with store.Shard(path, kind="vinfo") as shard:
            for layer in shard.attributes["layers"]:
                found[layer] = shard.read(f"{layer}/{name}")
    return np.stack([found[layer] for layer in layers])
