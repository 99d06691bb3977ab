"""Interventions: what becomes of the network's answer when one true factor of an image is changed, and all else kept.

Only for images that are made here. A swap intervenes, and so tells factors apart that go together in the data.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from strata import store
from strata.config.keys import Model
from strata.images import shapes
from strata.networks.checkpoints import restored
from strata.networks.preprocessing import normalised
from strata.progress import progress

_BATCH = 256
_TESTS = 500  # images that are swapped, at most: they tell a share to within 0.04


def intervene(
    images: Sequence[str | Path],
    checkpoints: dict[int, str],
    *,
    model: Model,
    size: int,
    seed: int,
) -> pd.DataFrame:
    """Swap every factor of some test images, and compare the answers of every checkpoint.

    Parameters
    ----------
    images
        Shards.
    checkpoints
        Epoch to the file of a checkpoint.
    model
        The section `model` of the configuration.
    size, seed
        Of the images, as they were made (see `strata.images.shapes.draw`).

    Returns
    -------
    DataFrame
        One row an epoch, image and factor: epoch, image, factor, importance (by how much the logit of the predicted
        class, about the mean of the image's logits, falls when the factor takes another value) and flipped (1 where
        another class is predicted then).
    """
    names, factors, originals, classes = _tests(images)
    numbers = shapes.numbers_of(names)
    variants = [originals]
    for factor in range(len(shapes.VALUES)):
        other = shapes.swapped(factors, factor, numbers=numbers, seed=seed)
        drawn = (shapes.draw(number, own, size=size, seed=seed) for number, own in zip(numbers, other, strict=True))
        variants.append(np.stack(list(progress(drawn, "swapping factors", total=len(numbers)))))
    parts = []
    for epoch, checkpoint in checkpoints.items():
        network, _ = restored(checkpoint, model, classes=classes)
        before, *after = (logits_of(network, variant, model=model) for variant in variants)
        for name, logits in zip(shapes.VALUES, after, strict=True):
            parts.append(pd.DataFrame({"epoch": epoch, "image": names, "factor": name, **changed(before, logits)}))
    return pd.concat(parts, ignore_index=True)


def changed(before: np.ndarray, after: np.ndarray) -> dict[str, np.ndarray]:
    """Compare logits (images × classes) before and after an intervention: importance and flipped (see `intervene`).

    What adds the same to all logits changes no answer, and so counts as nothing.

    Parameters
    ----------
    before, after
        Logits of the same images, images × classes.
    """
    rows, predicted = np.arange(len(before)), before.argmax(1)
    own, other = (logits[rows, predicted] - logits.mean(1) for logits in (before, after))
    return {"importance": own - other, "flipped": (after.argmax(1) != predicted).astype(int)}


@torch.no_grad()
def logits_of(network: nn.Module, images: np.ndarray, *, model: Model) -> np.ndarray:
    """Return logits (images × classes, float64) of uint8 images (n × 3 × height × width).

    Parameters
    ----------
    network
        On its device, in evaluation mode.
    images
        uint8, n × 3 × height × width.
    model
        The section `model` of the configuration.
    """
    device = next(network.parameters()).device
    logits = []
    for batch in torch.from_numpy(images).split(_BATCH):
        x = normalised(batch.to(device), model)
        logits.append(network(x).double().cpu().numpy())
    return np.concatenate(logits)


def _tests(image_shards: Sequence[str | Path]) -> tuple[list[str], np.ndarray, np.ndarray, int]:
    """Return names, factors and pixels of test images, spaced evenly over all, and the number of classes."""
    names, factors, images, classes = [], [], [], 0
    for path in image_shards:
        with store.Shard(path, kind="images") as shard:
            test = ~shard.read("train")
            names += [name.decode() for name in shard.read("ids")[test]]
            factors.append(shard.read("factors")[test])
            images.append(shard.read("images")[test])
            classes = len(shard.attributes["classes"])
    chosen = np.linspace(0, len(names) - 1, min(_TESTS, len(names))).astype(int)
    return [names[i] for i in chosen], np.concatenate(factors)[chosen], np.concatenate(images)[chosen], classes
