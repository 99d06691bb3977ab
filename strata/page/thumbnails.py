"""Small pictures of images, each made once, however many features it stands for."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from strata.figures.most_activating import images_at, largest, places_among, scores_of
from strata.progress import progress

# The side of a thumbnail, by how many there are at most: a page is to stay within tens of megabytes.
_SIDES = ((4_000, 96), (12_000, 64), (40_000, 48))
_SMALLEST = 28
_QUALITY = 60


def most_activating(codes: Sequence[Sequence[str | Path]], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the images on which each feature's code is largest.

    Parameters
    ----------
    codes
        Shards of the codes of a network's features, network by network, all of the same images.
    count
        How many images of a feature, at most.

    Returns
    -------
    tuple
        The numbers of all images chosen, in rising order, and for all features (those of the first network first) ×
        count, the place of an image among them, the largest first, or −1 where there are no more.
    """
    chosen = [own for shards in codes for own in largest(scores_of(shards), count)]
    numbers, among = places_among(chosen)
    places = np.full((len(chosen), count), -1, np.int32)
    for feature, own in enumerate(among):
        places[feature, : len(own)] = own
    return numbers, places


def thumbnails(
    numbers: np.ndarray, images: Sequence[str | Path], *, codes: Sequence[str | Path]
) -> tuple[list[bytes], list[str], list[int]]:
    """Return small pictures of images, with their names and labels, made a part of a shard at a time.

    Parameters
    ----------
    numbers
        Which images, counted through all shards, in rising order.
    images, codes
        Shards of the same images, in the same order.
    """
    side = next((side for most, side in _SIDES if len(numbers) <= most), _SMALLEST)
    pictures, names, labels = [], [], []
    found = images_at(numbers, images, codes=codes)
    for name, label, pixels in progress(found, "making thumbnails", total=len(numbers)):
        pictures.append(webp(pixels, side))
        names.append(name)
        labels.append(label)
    return pictures, names, labels


def webp(pixels: np.ndarray, side: int) -> bytes:
    """Return a picture as WebP, no side of it longer than `side`.

    Parameters
    ----------
    pixels
        Height × width × 3, uint8.
    side
        In pixels.
    """
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=_QUALITY, method=4)
    return file.getvalue()
