"""Robustness: how much of a feature's code is the image's, and how much is noise that was put on it.

Gaussian noise is added to images scaled to [0, 1] (and not clipped, which would take half of it away on black and
white), the network is run again and the codes are solved again. The paper's figure 11.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from strata import store
from strata.activations.cache import Caching, cache
from strata.config.keys import Model
from strata.device import compute_device
from strata.errors import StrataError
from strata.features.dictionary import read_dictionary
from strata.features.methods import METHODS
from strata.layers import PENULTIMATE
from strata.networks import checkpoints

if TYPE_CHECKING:
    from strata.scale import Scale

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
    return torch.where(_constant(z), torch.nan, between / (between + within))


def _constant(z: Tensor) -> Tensor:
    """Tell which features have the same code for all images and draws."""
    return z.amax((0, 1)) - z.amin((0, 1)) <= 1e-9 * z.abs().amax((0, 1))


def noisy(images: np.ndarray, level: float, *, draw: int, seed: int) -> np.ndarray:
    """Add noise to images.

    Every image and draw has noise of its own; its shape is the same at all levels, so that they are compared on the
    same draws.

    Parameters
    ----------
    images
        uint8, images × 3 × height × width.
    level
        Standard deviation, on images scaled to [0, 1].
    draw
        Number of the draw of noise.
    seed
        Of the noise.

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
    *,
    dictionary: np.ndarray,
    levels: Sequence[float],
    seed: int,
    method: str,
    tolerance: float,
    max_iterations: int,
    model: Model,
    caching: Caching,
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
    seed
        Of the noise.
    method
        Name of one of `strata.features.methods`.
    tolerance, max_iterations
        Of the codes (see `strata.features.codes.encode`).
    model
        The section `model` of the configuration.
    caching
        How the network is run.

    Returns
    -------
    ndarray
        The intraclass correlation of the codes (see `intraclass_correlation`), levels × features; 0 where noise puts
        out a code altogether, NaN where the code is the same for all images without any noise.
    """
    d = torch.from_numpy(dictionary).to(compute_device())

    def codes_of(level: float, draw: int) -> Tensor:
        changed = noisy(images, level, draw=draw, seed=seed)
        a = cache(network, [PENULTIMATE], images=changed, model=model, caching=caching)[PENULTIMATE]
        found = METHODS[method].encode(
            torch.from_numpy(a.astype(np.float64)).to(d.device), d, tolerance=tolerance, max_iterations=max_iterations
        )
        found.tell_unsolved(tolerance)
        return found.z

    varies = ~_constant(codes_of(0.0, 0)[None])
    drawn = (torch.stack([codes_of(level, draw) for draw in range(DRAWS)]) for level in levels)
    found = torch.stack([intraclass_correlation(z) for z in drawn])
    return torch.where(found.isnan() & varies, 0.0, found).cpu().numpy()


def robustness_of_checkpoint(
    images: Sequence[str | Path],
    dictionary: str | Path,
    *,
    checkpoint: str | Path,
    model: Model,
    levels: Sequence[float],
    count: int,
    seed: int,
    method: str,
    tolerance: float,
    max_iterations: int,
    pool: int,
    tokens: str,
    batch_size: int,
) -> dict[str, pd.DataFrame]:
    """Measure the robustness of a checkpoint's features, on a sample of images.

    Parameters
    ----------
    images
        Shards.
    dictionary
        The shard of the dictionary.
    checkpoint
        That the features are of.
    model
        The section `model` of the configuration.
    levels
        Standard deviations of the noise, on images scaled to [0, 1].
    count
        Images are at most this many (see `spread_images`).
    seed
        Of the noise.
    method, tolerance, max_iterations
        Of the codes (see `strata.features.codes.encode_shard`).
    pool, tokens, batch_size
        Of the activations (see `strata.activations.cache.cache`).

    Returns
    -------
    dict
        The table `robustness`, one row a level and feature: level, feature, robustness.

    Raises
    ------
    StrataError
        If a file is damaged, or the features are of another checkpoint.
    """
    found, about = read_dictionary(dictionary)
    network, made_by = checkpoints.restored(checkpoint, model, classes=len(about["classes"]))
    if made_by != about["checkpoint"]:
        raise StrataError(f"{dictionary} was made by another checkpoint than {checkpoint}; {store.rebuild(dictionary)}")
    values = robustness(
        network,
        spread_images(images, count),
        dictionary=found["dictionary"],
        levels=levels,
        seed=seed,
        method=method,
        tolerance=tolerance,
        max_iterations=max_iterations,
        model=model,
        caching=Caching(pool, tokens, batch_size),
    )
    table = pd.DataFrame(
        {
            "level": np.repeat(list(levels), values.shape[1]),
            "feature": np.tile(np.arange(values.shape[1]), len(levels)),
            "robustness": values.ravel(),
        }
    )
    return {"robustness": table}


def scalars(table: pd.DataFrame) -> pd.DataFrame:
    """Return what goes into features.csv: the mean robustness over noise levels, missing where it is at any level.

    Parameters
    ----------
    table
        The table `robustness` (see `robustness_of_checkpoint`).
    """
    wide = table.pivot(index="feature", columns="level", values="robustness")
    return wide.mean(axis=1, skipna=False).rename("robustness").reset_index()


def spread_images(shards: Sequence[str | Path], count: int) -> np.ndarray:
    """Return every n-th image of all shards, with the least n that gives at most `count` of them.

    A shard holds its images by split and class, so that these are a stratified sample.

    Parameters
    ----------
    shards
        Image shards.
    count
        How many images, at most.
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


def cost(scale: "Scale", levels: Sequence[float], *, count: int, **_: Any) -> tuple[float, float]:
    """Return seconds and bytes of memory, for one seed: images run and encoded again, for all levels and draws.

    Parameters
    ----------
    scale
        How large the run is.
    levels
        Standard deviations of the noise.
    count
        Images are at most this many (see `spread_images`).
    **_
        Other settings, which the cost does not depend on.
    """
    sample = min(count, scale.images)
    noisy_images = sample * len(levels) * DRAWS
    seconds = noisy_images * (scale.forward + scale.encoding / scale.rates["product32"])
    codes = 8 * (3 * scale.feature_count**2 + (2 * DRAWS + 3) * sample * scale.feature_count)
    return seconds, 5 * sample * scale.pixels + codes
