"""Images that features are discovered in: some training images of every class, or random crops of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from strata import store
from strata.errors import StrataError
from strata.progress import progress


def classes_of(job: int, jobs: int, *, classes: int) -> np.ndarray:
    """Return the labels that are a job's, of the classes that are spread over several, in their order.

    Parameters
    ----------
    job, jobs
        Which job, from 0, and how many there are.
    classes
        How many there are.

    Raises
    ------
    StrataError
        If there are fewer classes than jobs.
    """
    if classes < jobs:
        raise StrataError(f"config key features.jobs must be at most the number of classes ({classes}); found {jobs}")
    return np.array_split(np.arange(classes), jobs)[job]


def write_images(
    image_shards: Sequence[str | Path],
    per_class: int | None,
    *,
    crops: int | None,
    jobs: int,
    job: int,
    output: str | Path,
) -> None:
    """Gather the images that the features of some classes are discovered in, class by class.

    Parameters
    ----------
    image_shards
        All of them.
    per_class
        Training images that a class gives at most, those of the first shards first; None for all.
    crops
        Random crops that stand for every image (see `cropped`); None for the image itself.
    jobs, job
        How many jobs the classes are spread over, and which of them this is (see `classes_of`).
    output
        The shard.

    Raises
    ------
    StrataError
        If a class has no training image.
    """
    parts, labels, ids, given = [], [], [], pd.Series(dtype=int)
    for path in progress(image_shards, "gathering images"):
        with store.Shard(path, kind="images") as shard:
            classes = shard.attributes["classes"]
            wanted = classes_of(job, jobs, classes=len(classes))
            of, train = pd.Series(shard.read("labels")), shard.read("train")
            own = of[train & of.isin(wanted)]
            before = own.map(given).fillna(0) + own.groupby(own).cumcount()  # images that its class has given
            own = own[before < per_class] if per_class else own
            given = given.add(own.value_counts(), fill_value=0)
            if len(own):
                parts.append(shard.read("images")[own.index])
                ids += [name.decode() for name in shard.read("ids")[own.index]]
                labels.append(own.to_numpy())
    if missing := [classes[label] for label in wanted if label not in given]:
        raise StrataError(f"class {missing[0]!r} has no training image to discover features in")
    order = np.argsort(np.concatenate(labels), kind="stable")
    images, names = np.concatenate(parts)[order], [ids[i] for i in order]
    if crops:
        images = np.concatenate([cropped(*one, count=crops) for one in zip(images, names, strict=True)])
    store.write(
        output,
        {"images": images, "labels": np.concatenate(labels)[order].repeat(crops or 1)},
        kind="discovery",
        images=store.digest([*names, f"{crops} crops"]),
        crops=crops or 1,
        classes=classes,
    )


def cropped(image: np.ndarray, name: str, *, count: int) -> np.ndarray:
    """Cut 8 to 100 % of an image out at random, between 3:4 and 4:3, scaled back to its size; its name is the seed.

    Parameters
    ----------
    image
        uint8, 3 × size × size.
    name
        Of the image.
    count
        How many crops.

    Returns
    -------
    ndarray
        uint8, count × 3 × size × size.
    """
    from torchvision.transforms.v2 import RandomResizedCrop  # here, because it takes as long as a small job

    crop = RandomResizedCrop(image.shape[1:], antialias=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(store.digest([name])[:15], 16))
        return np.stack([crop(torch.from_numpy(image)).numpy() for _ in range(count)])
