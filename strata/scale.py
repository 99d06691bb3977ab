"""How large a run is: the numbers that its costs follow from."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """What a stage has to go through, for one seed.

    Attributes
    ----------
    images, per_shard : int
        That are studied, in all and in a shard.
    checkpoints, classes : int
        Of the run.
    feature_count, units : int
        Rows of the last dictionary, and units of the penultimate layer.
    probed : tuple of int
        Units of every probed layer.
    pixels : int
        Bytes of an image.
    forward : float
        Seconds of the network on one image.
    encoding : float
        Floating-point operations that solve the code of one image.
    width : int
        Bytes of a number in the shards of activations.
    rates : mapping
        Of one device (see `strata.estimate.estimate`).
    """

    images: int
    per_shard: int
    checkpoints: int
    classes: int
    feature_count: int
    units: int
    probed: tuple[int, ...]
    pixels: int
    forward: float
    encoding: float
    width: int
    rates: Mapping[str, float]
