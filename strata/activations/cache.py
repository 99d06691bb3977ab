"""Activations: one forward pass of a checkpoint over a shard serves every layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from strata import store
from strata.activations.layers import extractor
from strata.config.keys import Model
from strata.errors import StrataError
from strata.networks import checkpoints
from strata.networks.preprocessing import normalised
from strata.progress import progress


@dataclass(frozen=True)
class Caching:
    """How a network is run for its activations.

    Attributes
    ----------
    pool, tokens
        How layers are pooled (see `strata.activations.layers.pooled`).
    batch_size
        Images a forward pass.
    """

    pool: int = 1
    tokens: str = "mean"
    batch_size: int = 64


@torch.no_grad()
def cache(
    network: nn.Module,
    layers: Sequence[str],
    *,
    images: np.ndarray,
    model: Model,
    caching: Caching | None = None,
    dtype: str = "float32",
) -> dict[str, np.ndarray]:
    """Run the network over images.

    Parameters
    ----------
    network
        On its device, in evaluation mode.
    layers
        Names (see `strata.activations.layers.extractor`).
    images
        uint8, images × 3 × height × width.
    model
        The section `model` of the configuration: its head, mean and std are used.
    caching
        How layers are pooled, and how many images a forward pass has; None for the defaults.
    dtype
        float32 or float16.

    Returns
    -------
    dict
        Layer to activations (images × units), of type `dtype`.

    Raises
    ------
    StrataError
        If a layer overflows `dtype`.
    """
    device = next(network.parameters()).device
    caching = caching or Caching()
    inner = extractor(network, layers, pool=caching.pool, tokens=caching.tokens, head=model.head)
    result: dict[str, np.ndarray] = {}
    starts = range(0, len(images), caching.batch_size)
    for start in progress(starts, "passing images through the network"):
        batch = torch.from_numpy(images[start : start + caching.batch_size]).to(device)
        outputs = inner(normalised(batch, model))
        for layer in layers:
            units = outputs[layer].to(getattr(torch, dtype)).cpu().numpy()
            if layer not in result:
                result[layer] = np.empty((len(images), units.shape[1]), dtype)
            result[layer][start : start + caching.batch_size] = units
    for layer, units in result.items():
        if not np.isfinite(units).all():
            mend = "set activations.dtype: float32" if dtype == "float16" else "the checkpoint's weights are not finite"
            raise StrataError(f"activations of {layer} overflow {dtype}; {mend}")
    return result


def cache_shard(
    images: str | Path,
    checkpoint: str | Path,
    *,
    outputs: Mapping[str, str | Path],
    model: Model,
    caching: Caching,
    dtype: str,
) -> None:
    """Cache the activations of one shard under one checkpoint, a file a layer, and which images are of training.

    Layers that hold the same numbers share one file on the disk, which has a name for each: an identity skip is the
    block before it, and the penultimate layer often the last block.

    Parameters
    ----------
    images
        The shard.
    checkpoint
        File of the network's weights.
    outputs
        Layer to the path of its shard.
    model, caching, dtype
        See `cache`.

    Raises
    ------
    StrataError
        If a file is damaged, the network lacks a layer, or a layer overflows `dtype`.
    """
    with store.Shard(images, kind="images") as source:
        pixels, train, about = source.read("images"), source.read("train"), source.attributes
    network, made_by = checkpoints.restored(checkpoint, model, classes=len(about["classes"]))
    arrays = cache(
        network,
        list(outputs),
        images=pixels,
        model=model,
        caching=caching,
        dtype=dtype,
    )
    for same in alike(arrays):
        path, *others = (outputs[layer] for layer in same)
        store.write(
            path,
            {"activations": arrays[same[0]], "train": train},
            kind="activations",
            images=about["images"],
            checkpoint=made_by,
            layer=same,
            pool=caching.pool,
            tokens=caching.tokens,
            torch=torch.__version__,
        )
        store.link(path, others)


def alike(arrays: Mapping[str, np.ndarray]) -> list[list[str]]:
    """Group the layers that hold the same numbers.

    Parameters
    ----------
    arrays
        Layer to activations (images × units).
    """
    groups: list[list[str]] = []
    for layer, units in arrays.items():
        for group in groups:
            other = arrays[group[0]]
            if np.array_equal(other[:1], units[:1]) and np.array_equal(other, units):
                group.append(layer)
                break
        else:
            groups.append([layer])
    return groups
