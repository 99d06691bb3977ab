"""The true factors of images that are made here, as codes."""

from pathlib import Path

import numpy as np

from strata import store


def write_codes(images: str | Path, output: str | Path) -> None:
    """Write the true factors of a shard's images as codes: for every value of every factor, 1 where it is the image's.

    They stand for features that need no network to find, in the order of the factors and of their values.

    Parameters
    ----------
    images
        The shard of images.
    output
        The shard that is written.
    """
    with store.Shard(images, kind="images") as shard:
        factors, about = shard.read("factors"), shard.attributes
    names = [f"{factor} {value}" for factor, values in about["factors"].items() for value in values]
    indicators = [
        np.eye(len(values), dtype=np.float32)[own]
        for own, values in zip(factors.T, about["factors"].values(), strict=True)
    ]
    store.write(
        output,
        {"codes": np.concatenate(indicators, axis=1)},
        kind="codes",
        images=about["images"],
        features=f"truth {store.digest(names)}",
    )
