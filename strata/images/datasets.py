"""Datasets of torchvision, with their own split of training and test images."""

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor
from torchvision import datasets
from torchvision.transforms.v2 import functional as transforms

from strata.errors import StrataError
from strata.images.sources import Given


def listed(given: Given) -> pd.DataFrame:
    """List the images; the split is the dataset's own."""
    parts = []
    for split in ("train", "test"):
        dataset = _dataset(given, split)
        targets = np.asarray(getattr(dataset, "targets", getattr(dataset, "labels", None)), int)
        names = getattr(dataset, "classes", None) or [str(i) for i in range(targets.max() + 1)]
        images = [f"{split}-{i:06d}" for i in range(len(targets))]
        classes = [names[label] for label in targets]
        parts.append(pd.DataFrame({"image": images, "class": classes, "label": targets, "split": split}))
    return pd.concat(parts, ignore_index=True)


def decoded(images: pd.DataFrame, given: Given, *, side: int) -> Iterator[Tensor]:
    """Decode some of them.

    Parameters
    ----------
    images
        Rows of the listing.
    given
        What the configuration tells the source.
    side
        Not used: images come as they are.
    """
    parts = {split: _dataset(given, split) for split in ("train", "test")}
    for name in images["image"]:
        split, number = name.split("-")
        yield transforms.pil_to_tensor(parts[split][int(number)][0].convert("RGB"))


def _dataset(given: Given, split: str) -> Any:
    name, root = given.source.partition(":")[2], str(given.path)
    make = getattr(datasets, name, None)
    parameters = inspect.signature(make).parameters if make else {}
    chosen = {"train": split == "train"} if "train" in parameters else {"split": split}
    if not make or not {"root", *chosen} <= parameters.keys():
        raise StrataError(
            f"config key data.source: torchvision has no dataset {name!r} with training and test images and their "
            "classes; allowed are CIFAR10, CIFAR100, MNIST, SVHN and their like"
        )
    try:
        return make(root, **chosen)
    except Exception as error:  # whatever it makes of a folder that is not what it wants
        reason = str(error).splitlines()[0]
        raise StrataError(
            f"config key data.path: {root} does not hold torchvision's {name} ({reason}); download it there with "
            f"python -c \"import torchvision; torchvision.datasets.{name}('{root}', download=True)\""
        ) from error
