"""Feature visualisation by MACO: a picture that makes a direction of a layer large (Fel et al. 2023, through horama).

MACO fixes the magnitude of a picture's spectrum and climbs in its phase alone, so that the picture keeps the statistics
of images. The magnitude is the mean over the run's own images: horama would fetch one of ImageNet, which says nothing
about digits, and a compute node may have no internet.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from horama.common import get_color_correlation_svd_sqrt, optimization_step
from horama.maco_fv import maco_preconditioner
from torch import Tensor
from torch.nn import functional

from strata import store
from strata.activations.layers import extractor
from strata.config.keys import Model
from strata.device import compute_device
from strata.features.dictionary import read_dictionary
from strata.layers import PENULTIMATE
from strata.measures.meta_features import meta_features
from strata.networks import checkpoints
from strata.networks.preprocessing import normalised
from strata.progress import progress

_CANVAS = 1.5  # side of a picture, in sides of an image: room for a shape that has its place, and for a texture
_CROPS = 6  # parts of the picture that the network sees a step …
_BOX = (0.63, 0.67)  # … and their side, as horama counts it: it draws from 0.67 to 0.71 of the picture's
_NOISE = 0.05  # added to what the network sees, whose values go from 0 to 1
_LEARNING_RATE = 1.0


def spectrum(image_shards: Sequence[str | Path]) -> Tensor:
    """Return the mean magnitude of the images' Fourier spectra (3 × side × side // 2 + 1), without their means.

    The colours are decorrelated first, as horama correlates them last.
    """
    device = compute_device()
    decorrelate = torch.linalg.inv(get_color_correlation_svd_sqrt(device).double()).float()
    total, count = torch.zeros((), device=device), 0
    for path in image_shards:
        with store.Shard(path, kind="images") as shard:
            images = torch.from_numpy(shard.read("images"))
        for batch in images.split(256):
            pixels = torch.einsum("nchw,cd->ndhw", batch.to(device) / 255, decorrelate)
            contrast = pixels - pixels.mean((2, 3), keepdim=True)
            total = total + torch.fft.rfft2(contrast).abs().sum(0)
        count += len(images)
    return total / count


def maco(score: Callable[[Tensor], Tensor], magnitude: Tensor, *, steps: int, seed: int) -> Tensor:
    """Return a picture for which a score is large (3 × 1.5 side × 1.5 side, values from 0 to 1).

    Pictures of one seed start from the same phase and show the network the same places, so that what differs between
    them is what differs between their scores. The same seed gives the same bits on the CPU; on a GPU, horama's crops
    add up in no fixed order.

    Parameters
    ----------
    score
        Maps images (n × 3 × side × side, values about 0 to 1) to one number.
    magnitude
        See `spectrum`.
    steps
        Of gradient ascent in the phase.
    seed
        Of the phase and of the crops.
    """
    torch.manual_seed(seed)
    side = magnitude.shape[1]
    canvas = 2 * round(_CANVAS * side / 2)  # the way back from half a spectrum gives an even side
    target = functional.interpolate(magnitude[None], (canvas, canvas // 2 + 1), mode="bilinear", antialias=True)[0]
    phase = torch.randn(target.shape).to(target.device).requires_grad_()
    optimizer = torch.optim.NAdam([phase], lr=_LEARNING_RATE)
    for _ in range(steps):
        optimizer.zero_grad()
        picture = maco_preconditioner(target, phase, (0.0, 1.0), target.device)
        loss, _ = optimization_step(score, picture, _BOX, _NOISE, _CROPS, side)
        loss.backward()
        optimizer.step()
    return maco_preconditioner(target, phase, (0.0, 1.0), target.device).detach()


def stretched(picture: Tensor) -> np.ndarray:
    """Return a picture as uint8 (height × width × 3), its contrast stretched but for the outermost 1 % of values.

    Parameters
    ----------
    picture
        3 × height × width.
    """
    values = picture.permute(1, 2, 0).cpu().numpy()
    low, high = np.percentile(values, [1, 99])
    return np.round(255 * np.clip((values - low) / max(high - low, 1e-6), 0, 1)).astype(np.uint8)


def visualise(
    checkpoint: str | Path,
    model: Model,
    *,
    classes: int,
    layer: str,
    directions: np.ndarray,
    pool: int,
    tokens: str,
    magnitude: Tensor,
    steps: int,
    seed: int,
) -> np.ndarray:
    """Return a picture for every direction of a layer, pooled as its activations are (n × height × width × 3, uint8).

    Parameters
    ----------
    checkpoint
        File of the network's weights.
    model
        The section `model` of the configuration.
    classes
        Of the images.
    layer
        That the directions are of.
    directions
        n × units; what is climbed is the mean over crops of ⟨layer's output, direction⟩.
    pool, tokens
        See `strata.activations.layers.pooled`.
    magnitude
        See `spectrum`.
    steps, seed
        See `maco`.
    """
    network, _ = checkpoints.restored(checkpoint, model, classes=classes)
    inner = extractor(network.requires_grad_(False), [layer], pool=pool, tokens=tokens, head=model.head)

    def score_of(direction: Tensor) -> Callable[[Tensor], Tensor]:
        def score(images: Tensor) -> Tensor:
            seen = normalised(255 * images, model)
            return (inner(seen)[layer] @ direction).mean()

        return score

    wanted = torch.from_numpy(directions).float().to(compute_device())
    return np.stack(
        [
            stretched(maco(score_of(direction), magnitude, steps=steps, seed=seed))
            for direction in progress(wanted, f"visualising {layer}", total=len(wanted))
        ]
    )


def write_pictures(
    table: pd.DataFrame,
    dictionary: str | Path,
    *,
    decoded: str | Path,
    checkpoint: str | Path,
    images: Sequence[str | Path],
    model: Model,
    pool: int,
    tokens: str,
    steps: int,
    seed: int,
    output: str | Path,
) -> None:
    """Visualise the meta-features that are shown, and the decoded directions of the example features.

    Parameters
    ----------
    table
        One row a feature of one seed: feature, meta_feature, complexity.
    dictionary, decoded
        Shards of the dictionary, and of the decoded directions (see `strata.measures.decoded`).
    checkpoint
        That the features are of.
    images
        Shards.
    model
        The section `model` of the configuration.
    pool, tokens
        See `strata.activations.layers.pooled`.
    steps, seed
        See `maco`.
    output
        Shard with `meta_features` (their numbers), `pictures` (one each), and `<layer>/pictures` (one an example).
    """
    found, about = read_dictionary(dictionary)
    examples, of_examples = store.read(decoded, kind="decoded")
    shown = meta_features(table)
    members = [table.loc[table["meta_feature"] == m, "feature"] for m in shown["meta_feature"]]
    directions = {"pictures": (PENULTIMATE, np.stack([found["dictionary"][m].mean(0) for m in members]))}
    for layer in of_examples["layers"]:
        directions[f"{layer}/pictures"] = (layer, examples[f"{layer}/weights"].T)
    magnitude = spectrum(images)
    arrays = {
        name: visualise(
            checkpoint,
            model,
            classes=len(about["classes"]),
            layer=layer,
            directions=wanted,
            pool=pool,
            tokens=tokens,
            magnitude=magnitude,
            steps=steps,
            seed=seed,
        )
        for name, (layer, wanted) in directions.items()
    }
    numbers = shown["meta_feature"].to_numpy()
    store.write(output, {"meta_features": numbers, **arrays}, kind="pictures", checkpoint=about["checkpoint"])
