"""Where images come from: every kind of `data.source`, and what it can do.

A record names functions instead of holding them, because Snakemake reads this catalogue whenever it plans.
"""

from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import pandas as pd
    from torch import Tensor

    from strata.config.keys import Data, Shapes
    from strata.errors import StrataError


@dataclass(frozen=True)
class Given:
    """What the configuration tells a source.

    Attributes
    ----------
    source : str
        As in `data.source`: a name of `SOURCES`, with what follows it after a colon.
    path, labels : str or None
        `data.path` and `data.labels`.
    shapes : Shapes or None
        What images are made from, where they are made here: the section `data.shapes`.
    seed : int
        `data.seed`, of images that are made here.
    """

    source: str
    path: str | None = None
    labels: str | None = None
    shapes: "Shapes | None" = None
    seed: int = 0


@dataclass(frozen=True)
class Source:
    """A kind of source.

    Attributes
    ----------
    name : str
        As `data.source` has it, up to a colon.
    about : str
        What it is, for who writes a configuration.
    listing : str
        Function (given) → images, a table with the columns image (a stable id), class and label; with split where the
        source has one of its own, and with whatever else decoding needs.
    decoding : str
        Function (images, given, side) → for every row of a listing a uint8 image (3 × height × width), or the error
        that names it; `side` is the short side that the image will be scaled to.
    needs_path : bool
        Whether `data.path` must be given.
    takes : str
        What may follow the name and a colon, as a regular expression; empty where nothing may.
    counting : str
        Function (given) → number of images and of classes, where that is known without listing them.
    factors : str
        Function (images, given) → the true factors of every row of a listing (images × factors, positions in
        `strata.images.shapes.VALUES`); of images that are made here alone, and for just the side that is wanted.
    """

    name: str
    about: str = field(repr=False)
    listing: str
    decoding: str
    needs_path: bool = False
    takes: str = ""
    counting: str = ""
    factors: str = ""

    def listed(self, given: Given) -> "pd.DataFrame":
        """List all images."""
        return resolve_name(self.listing)(given)

    def decoded(self, images: "pd.DataFrame", given: Given, *, side: int) -> "Iterator[Tensor | StrataError]":
        """Decode some of the images that were listed, in their order.

        Parameters
        ----------
        images
            Rows of the listing.
        given
            What the configuration tells the source.
        side
            The short side, in pixels, that they will be scaled to (see `decoding`).
        """
        return resolve_name(self.decoding)(images, given, side=side)

    def counted(self, given: Given) -> tuple[int, int]:
        """Return the number of images and of classes."""
        if self.counting:
            return resolve_name(self.counting)(given)
        images = self.listed(given)
        return len(images), images["class"].nunique()

    def factors_of(self, images: "pd.DataFrame", given: Given) -> "np.ndarray":
        """Return the true factors of some of the images that were listed.

        Parameters
        ----------
        images
            Rows of the listing.
        given
            What the configuration tells the source.
        """
        return resolve_name(self.factors)(images, given)


SOURCES = {
    source.name: source
    for source in (
        Source(
            name="digits",
            about="the 1,797 images of scikit-learn",
            listing="strata.images.digits:listed",
            decoding="strata.images.digits:decoded",
            counting="strata.images.digits:counted",
        ),
        Source(
            name="folder",
            about="class sub-folders of image files",
            listing="strata.images.folders:listed",
            decoding="strata.images.folders:decoded",
            needs_path=True,
        ),
        Source(
            name="tar",
            about="tar files named as webdataset does, <key>.jpg beside <key>.cls",
            listing="strata.images.tars:listed",
            decoding="strata.images.tars:decoded",
            needs_path=True,
        ),
        Source(
            name="torchvision",
            about="a dataset of torchvision, such as torchvision:CIFAR10",
            listing="strata.images.datasets:listed",
            decoding="strata.images.datasets:decoded",
            needs_path=True,
            takes="[A-Za-z0-9]+",
        ),
        Source(
            name="shapes",
            about="images made here, of known colour, texture and shape",
            listing="strata.images.shapes:listed",
            decoding="strata.images.shapes:decoded",
            counting="strata.images.shapes:counted",
            factors="strata.images.shapes:factors_in",
        ),
    )
}


def given_by(data: "Data") -> Given:
    """Return what the section `data` of a configuration tells its source."""
    return Given(data.source, data.path, data.labels, data.shapes, data.seed)


def source_of(name: str) -> Source:
    """Return the record of a `data.source`, such as torchvision:CIFAR10."""
    return SOURCES[name.partition(":")[0]]
