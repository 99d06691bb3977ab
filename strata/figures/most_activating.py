"""The images on which something is largest: chosen a part of a shard at a time, then read, each once.

Memory grows neither with the number of images nor with features × the size of an image.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from strata import store

_ROWS = 512  # images at a time: of 10,000 codes 20 MB, of pixels of 224 × 224 77 MB


def largest(scores: Iterable[np.ndarray], count: int) -> list[np.ndarray]:
    """Return the numbers of the images on which each score is largest, the largest first, of equals the first.

    Parameters
    ----------
    scores
        Images × scores, a part of the images after the other; NaN where an image is not to be shown.
    count
        How many images of a score at most.

    Returns
    -------
    list
        An array a score: numbers of images, counted through all parts.
    """
    begin, scored = 0, 0
    image, column, value = np.empty(0, int), np.empty(0, int), np.empty(0)
    for part in scores:
        known, scored = np.where(np.isnan(part), -np.inf, part), part.shape[1]
        cut = max(len(known) - count, 0)
        least = np.partition(known, cut, axis=0)[cut] if len(known) else np.empty(scored)
        rows, columns = np.nonzero((known >= least) & (known > -np.inf))
        image, column = np.append(image, rows + begin), np.append(column, columns)
        value = np.append(value, known[rows, columns])
        order = np.lexsort((image, -value, column))
        image, column, value = image[order], column[order], value[order]
        place = np.arange(len(column)) - np.searchsorted(column, column)
        image, column, value = image[place < count], column[place < count], value[place < count]
        begin += len(part)
    return np.split(image, np.searchsorted(column, np.arange(1, scored)))


def scores_of(
    codes: Sequence[str | Path], of: Callable[[np.ndarray], np.ndarray] = lambda z: z
) -> Iterator[np.ndarray]:
    """Yield something of codes, a part of the images after the other, NaN where it is 0.

    Parameters
    ----------
    codes
        Shards.
    of
        Takes codes (images × features), and returns images × scores.
    """
    for path in codes:
        with store.Shard(path, kind="codes") as shard:
            for rows in _parts(shard.shape("codes")[0]):
                z = of(shard.read("codes", rows))
                yield np.where(z > 0, z, np.nan)


def places_among(chosen: Sequence[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the numbers of all images that are chosen, in rising order, and the places of each choice among them.

    Parameters
    ----------
    chosen
        See `largest`.
    """
    numbers = np.unique(np.concatenate(chosen))
    return numbers, [np.searchsorted(numbers, own) for own in chosen]


def images_at(
    numbers: np.ndarray, image_shards: Sequence[str | Path], *, codes: Sequence[str | Path]
) -> Iterator[tuple[str, int, np.ndarray]]:
    """Yield the names, labels and pixels (height × width × 3, uint8) of images.

    Parameters
    ----------
    numbers
        Which ones, counted through all shards, in rising order.
    image_shards, codes
        Shards of the same images, in the same order.

    Raises
    ------
    StrataError
        If they are not shards of the same images.
    """
    begin = 0
    for path, coded in zip(image_shards, codes, strict=True):
        with store.Shard(coded, kind="codes") as of:
            images = of.attributes["images"]
        with store.Shard(path, kind="images", images=images) as shard:
            for rows in _parts(shard.shape("images")[0]):
                wanted = numbers[(numbers >= begin + rows.start) & (numbers < begin + rows.stop)] - begin - rows.start
                if len(wanted):
                    names, labels, pixels = (shard.read(name, rows)[wanted] for name in ("ids", "labels", "images"))
                    for name, label, own in zip(names, labels, pixels, strict=True):
                        yield name.decode(), int(label), own.transpose(1, 2, 0)
            begin += shard.shape("images")[0]


def _parts(rows: int) -> Iterator[slice]:
    return (slice(begin, min(begin + _ROWS, rows)) for begin in range(0, rows, _ROWS))
