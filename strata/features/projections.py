"""Projections: what activations have in the direction of each feature, A Dᵀ, in place of its code.

A code is no linear function of its own layer, because it is never negative; a projection is. Its complexity is the
complexity of a feature without what makes it a code.
"""

from pathlib import Path

import numpy as np

from strata import store
from strata.features.dictionary import read_dictionary
from strata.layers import PENULTIMATE


def project_shard(dictionary: str | Path, activations: str | Path, *, output: str | Path) -> None:
    """Write the projections of a shard's images on all features, as codes.

    Parameters
    ----------
    dictionary
        The shard of the features.
    activations
        Of the penultimate layer.
    output
        The shard that is written.
    """
    found, about = read_dictionary(dictionary)
    with store.Shard(activations, layer=PENULTIMATE, checkpoint=about["checkpoint"]) as shard:
        a, images = shard.read("activations"), shard.attributes["images"]
    projections = (a.astype(np.float64) @ found["dictionary"].T).astype(np.float32)
    own = store.digest(found["dictionary"].tobytes())
    store.write(output, {"codes": projections}, kind="codes", images=images, features=f"projections {own}")
