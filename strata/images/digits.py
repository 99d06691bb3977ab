"""The 1,797 handwritten digits that come with scikit-learn."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd
from sklearn.datasets import load_digits

from strata.images.sources import Given

if TYPE_CHECKING:
    from torch import Tensor


def listed(given: Given) -> pd.DataFrame:
    """List the images."""
    labels = load_digits().target
    return pd.DataFrame(
        {
            "image": [f"digits-{i:04d}" for i in range(len(labels))],
            "class": labels.astype(str),
            "label": labels,
        }
    )


def decoded(images: pd.DataFrame, given: Given, *, side: int) -> Iterator["Tensor"]:
    """Decode some of them, scaled before they are rounded.

    Parameters
    ----------
    images
        Rows of the listing.
    given
        What the configuration tells the source.
    side
        In pixels, to which they are scaled.
    """
    import torch  # here, because it takes as long as a small job, which listing does without

    from strata.images.scaling import scaled

    grey = torch.from_numpy(load_digits().images).float() * (255 / 16)
    wanted = [int(name.rsplit("-", 1)[1]) for name in images["image"]]
    large = scaled(grey[wanted, None], side)
    yield from large.round().clamp(0, 255).to(torch.uint8).expand(-1, 3, -1, -1)


def counted(given: Given) -> tuple[int, int]:
    """Return the number of images and of classes."""
    return 1797, 10
