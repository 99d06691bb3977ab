"""Robustness: how much of a feature's code is the image's, and how much is noise that was put on it.

Gaussian noise is added to images scaled to [0, 1] (and not clipped, which would take half of it away on black and
white), the network is run again and the codes are solved again. The paper's figure 11.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from strata import activations, codes, models, store
from strata.errors import StrataError
from strata.layers import PENULTIMATE

DRAWS = 4  # of noise, a level and image


def intraclass_correlation(z: Tensor) -> Tensor:
    """Return the share of a code's variance that is between images: ICC(1) (Shrout & Fleiss 1979).

    With W, the variance over the R draws of an image, averaged over images, and B, the variance over images of the mean
    over draws less W/R, which noise alone gives it, it is B/(B + W), B at least 0: 1, noise changes nothing; 0, the
    noise is all that there is. It does not depend on R but for errors of estimation.

    Parameters
    ----------
    z
        Draws × images × features, at least 2 × 2.

    Returns
    -------
    Tensor
        One value a feature; NaN where its code is the same for all images and draws.
    """
    within = z.var(0).mean(0)
    between = (z.mean(0).var(0) - within / len(z)).clamp(min=0)
    constant = z.amax((0, 1)) - z.amin((0, 1)) <= 1e-9 * z.abs().amax((0, 1))
    return torch.where(constant, torch.nan, between / (between + within))


def noisy(images: np.ndarray, level: float, draw: int, seed: int) -> np.ndarray:
    """Add noise to images.

    Every image and draw has noise of its own; its shape is the same at all levels, so that they are compared on the
    same draws.

    Parameters
    ----------
    images
        uint8, images × 3 × height × width.
    level
        Standard deviation, on images scaled to [0, 1].

    Returns
    -------
    ndarray
        float32, in units of uint8 images, neither rounded nor clipped.
    """
    result = images.astype(np.float32)
    for i, image in enumerate(result):
        image += 255 * level * np.random.default_rng([seed, draw, i]).standard_normal(image.shape, np.float32)
    return result


def robustness(
    network: nn.Module,
    images: np.ndarray,
    dictionary: np.ndarray,
    levels: Sequence[float],
    seed: int,
    encoding: dict[str, Any],
    caching: dict[str, Any],
) -> np.ndarray:
    """Measure the robustness of every feature to noise on the images.

    Parameters
    ----------
    network
        On its device, in evaluation mode.
    images
        uint8, images × 3 × height × width, at least 2.
    dictionary
        D, features × units of the penultimate layer.
    levels
        Standard deviations of the noise, on images scaled to [0, 1].
    encoding
        tolerance and max_iterations (see `codes.encode`).
    caching
        model_config, pool, tokens and batch_size (see `activations.cache`).

    Returns
    -------
    ndarray
        The intraclass correlation of the codes (see there), levels × features.
    """
    d = torch.from_numpy(dictionary).to(models.device())

    def codes_of(level: float, draw: int) -> Tensor:
        changed = noisy(images, level, draw, seed)
        a = activations.cache(network, [PENULTIMATE], changed, dtype="float32", **caching)[PENULTIMATE]
        found = codes.encode(torch.from_numpy(a.astype(np.float64)).to(d.device), d, **encoding)
        unsolved = len(found.unsolved(encoding["tolerance"]))
        if unsolved:
            print(f"{unsolved} of {len(a)} codes did not reach codes.tolerance: {encoding['tolerance']}")
        return found.z

    drawn = (torch.stack([codes_of(level, draw) for draw in range(DRAWS)]) for level in levels)
    return torch.stack([intraclass_correlation(z) for z in drawn]).cpu().numpy()


def robustness_of_checkpoint(
    image_shards: Sequence[str | Path],
    features: str | Path,
    checkpoint: str | Path,
    model_config: dict[str, Any],
    levels: Sequence[float],
    count: int,
    seed: int,
    encoding: dict[str, Any],
    caching: dict[str, Any],
) -> pd.DataFrame:
    """Return the robustness of a checkpoint's features, on a sample of images.

    Parameters
    ----------
    count
        Images are at most this many (see `spread_images`).
    caching
        pool, tokens and batch_size.

    Returns
    -------
    DataFrame
        One row a level and feature: feature, level, robustness.

    Raises
    ------
    StrataError
        If a file is damaged, or the features are of another checkpoint.
    """
    found, about = store.read(features, kind="features")
    network = models.build(model_config, len(about["classes"]))
    if models.load(checkpoint, network) != about["checkpoint"]:
        raise StrataError(f"{features} was made by another checkpoint than {checkpoint}; {store.rebuild(features)}")
    network.to(models.device()).eval()
    images = spread_images(image_shards, count)
    caching = {"model_config": model_config, **caching}
    values = robustness(network, images, found["dictionary"], levels, seed, encoding, caching)
    return pd.DataFrame(
        {
            "feature": np.tile(np.arange(values.shape[1]), len(levels)),
            "level": np.repeat(list(levels), values.shape[1]),
            "robustness": values.ravel(),
        }
    )


def spread_images(shards: Sequence[str | Path], count: int) -> np.ndarray:
    """Return every n-th image of all shards, with the least n that gives at most `count` of them.

    A shard holds its images by split and class, so that these are a stratified sample.
    """
    sizes = []
    for path in shards:
        with store.Shard(path, kind="images") as shard:
            sizes.append(shard.shape("images")[0])
    step = -(-sum(sizes) // count)
    parts, first = [], 0
    for path, size in zip(shards, sizes, strict=True):
        with store.Shard(path, kind="images") as shard:
            parts.append(shard.read("images", slice(first, None, step)))
        first = (first - size) % step
    return np.concatenate(parts)
