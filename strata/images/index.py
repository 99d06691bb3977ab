"""The index of all images: class, split and shard, decided once.

Splits are stratified and seeded. Images are dealt in turn, class by class, so that every shard is a stratified sample
of all images and the first shards of many are a fair sample of the whole.
"""

import numpy as np
import pandas as pd

from strata.errors import StrataError
from strata.images.sources import Given, source_of


def index(given: Given, test_fraction: float, *, shards: int = 1, seed: int = 0) -> pd.DataFrame:
    """List all images of a source, split them, and deal them into shards.

    Parameters
    ----------
    given
        What the configuration tells the source.
    test_fraction
        Share of every class that is kept out of training, unless the source has a split of its own.
    shards
        How many there are.
    seed
        Of the split and of the dealing.

    Returns
    -------
    DataFrame
        One row an image, in the order in which shards hold them: `image` (stable id; a relative path for files),
        `class`, `label`, `split` (train or test), `shard`; in tar files, the `offset` of its member.

    Raises
    ------
    StrataError
        If the source does not exist or has no classes, a class has fewer than 2 images, or a name is no Unicode.
    """
    images = source_of(given.source).listed(given)
    _check_names(images["image"])
    rng = np.random.default_rng(seed)
    parts = []
    for name, rows in images.groupby("class", sort=True):
        if len(rows) < 2:
            raise StrataError(f"class {name!r} has 1 image; a class needs at least 2, one to train and one to test")
        shuffled = rows.iloc[rng.permutation(len(rows))]
        if "split" not in images:
            tests = min(len(rows) - 1, max(1, round(test_fraction * len(rows))))
            shuffled = shuffled.assign(split=["test"] * tests + ["train"] * (len(rows) - tests))
        parts.append(shuffled)
    dealt = pd.concat(parts).sort_values("split", kind="stable", ignore_index=True)
    dealt["shard"] = np.arange(len(dealt)) % shards
    if len(dealt) < shards:
        raise StrataError(f"config key data.shards must be at most the number of images ({len(dealt)})")
    return dealt.sort_values("shard", kind="stable", ignore_index=True)


def _check_names(names: pd.Series) -> None:
    """Refuse names of files that are no text: no table could hold them."""
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise StrataError(
                f"the image {name!r} is no UTF-8 text; give it, or the folder it is in, another name"
            ) from error


def classes_in(images: pd.DataFrame) -> list[str]:
    """Return the names of all classes, by label.

    Parameters
    ----------
    images
        What `index` returns.
    """
    return list(images.drop_duplicates("label").sort_values("label")["class"])
