"""Images: decoded once, as uint8, a shard at a time."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from strata import store
from strata.errors import StrataError
from strata.images.scaling import middle, scaled
from strata.images.shapes import VALUES
from strata.images.sources import Given, source_of
from strata.progress import progress


def write_shard(
    images: pd.DataFrame,
    classes: Sequence[str],
    *,
    given: Given,
    size: int,
    resize: int | None = None,
    on_bad_image: str = "fail",
    output: str | Path,
) -> pd.DataFrame:
    """Decode the images of one shard and write them.

    Images that are made here have their true factors with them: `factors`, images × factors, and the names of each
    factor's values as an attribute.

    Parameters
    ----------
    images
        Rows of `strata.images.index.index` that belong to the shard.
    classes
        Names of all classes, by label.
    given
        What the configuration tells the source.
    size
        Side of the images in pixels.
    resize
        Pixels to which the short side of an image is scaled before its middle is cut out; None for `size`.
    on_bad_image
        `fail` or `skip`.
    output
        The shard.

    Returns
    -------
    DataFrame
        The rows that were skipped, with the reason in `why`.

    Raises
    ------
    StrataError
        Names the first image that cannot be decoded, unless it is to be skipped.
    """
    pixels, kept, skipped = [], [], []
    source = source_of(given.source)
    made = bool(source.factors)
    decoder = decoded(images, given=given, size=size, resize=resize, on_bad_image=on_bad_image)
    for row, image in progress(enumerate(decoder), "decoding images", total=len(images)):
        if isinstance(image, StrataError):
            print(f"skipped: {image}", file=sys.stderr)
            skipped.append({**images.iloc[row].to_dict(), "why": str(image)})
        else:
            pixels.append(image)
            kept.append(row)
    if not kept:
        raise StrataError(f"{output}: none of its {len(images)} images could be decoded")
    rows = images.iloc[kept]
    truth = {"factors": source.factors_of(rows, given)} if made else {}
    store.write(
        output,
        {
            "images": np.stack(pixels),
            "labels": rows["label"].to_numpy(np.int32),
            "train": (rows["split"] == "train").to_numpy(),
            "ids": np.array([name.encode() for name in rows["image"]]),
            **truth,
        },
        kind="images",
        # The name of a file stands for an image; the name of one made here does so with what it is made from.
        images=store.digest([*rows["image"], *([_made_from(given)] if made else [])]),
        classes=list(classes),
        size=size,
        **({"factors": VALUES} if made else {}),
    )
    return pd.DataFrame(skipped, columns=[*images.columns, "why"])


def decoded(
    images: pd.DataFrame, *, given: Given, size: int, resize: int | None = None, on_bad_image: str = "fail"
) -> Iterator[np.ndarray | StrataError]:
    """Decode images as shards hold them: uint8, 3 × size × size; or the error that names one that cannot be.

    Parameters
    ----------
    images
        Rows of `strata.images.index.index`.
    given
        What the configuration tells the source.
    size, resize, on_bad_image
        See `write_shard`.

    Raises
    ------
    StrataError
        Names the first image that cannot be decoded, unless it is to be skipped.
    """
    source = source_of(given.source)
    short = size if source.factors else resize or size  # what is made here is made for its size
    for image in source.decoded(images, given, side=short):
        if not isinstance(image, StrataError):
            yield middle(scaled(image[None], short), size)[0].numpy()
        elif on_bad_image == "skip":
            yield image
        else:
            raise StrataError(f"{image}; mend it, remove it, or set data.on_bad_image: skip") from image


def _made_from(given: Given) -> str:
    """Say what images are made from, all of it."""
    assert given.shapes is not None
    return json.dumps({**given.shapes.model_dump(), "seed": given.seed}, sort_keys=True)
