"""Features of some classes: directions in the penultimate layer, found by factorising the activations of every class.

Notation, kept throughout (as in the paper): A, activations (images × units); D, the dictionary (features × units); Z,
codes (images × features); A ≈ Z D with Z ≥ 0 and, but for semi-NMF, D ≥ 0.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from strata import store
from strata.activations.cache import Caching, cache
from strata.config.keys import Model
from strata.device import compute_device
from strata.errors import StrataError
from strata.features import halves
from strata.features.methods import METHODS
from strata.layers import PENULTIMATE
from strata.networks import checkpoints
from strata.networks.head import head_of, head_weights
from strata.networks.preprocessing import normalised

IMAGES_AT_ONCE = 4096  # that a job holds


def discover(
    activations: np.ndarray,
    labels: np.ndarray,
    *,
    classes: Sequence[str],
    method: str = "nmf",
    per_class: int = 10,
    seed: int = 0,
    tolerance: float = 1e-5,
    max_iterations: int = 2000,
) -> tuple[np.ndarray, np.ndarray]:
    """Factorise the activations of every class (or of all images, as the method has it), and stack the directions.

    Parameters
    ----------
    activations
        Penultimate activations of training images, images × units.
    labels
        The images' classes.
    classes
        Their names.
    method
        Name of one of `strata.features.methods`.
    per_class
        Features that every class gives; the rank of its factorisation.
    seed, tolerance, max_iterations
        Of the factorisation (see `strata.features.factorisation.factorise`).

    Returns
    -------
    dictionary : ndarray
        D, (classes · per_class) × units, rows of unit norm, class by class.
    origin : ndarray
        The class that each row comes from; -1 where rows come from no class.

    Raises
    ------
    StrataError
        If activations are negative and the method does not allow it, or a class has fewer images than the rank.
    """
    how = METHODS[method]
    check_sign(activations, method)
    counts = np.bincount(labels, minlength=len(classes))
    check_counts(classes, counts, per_class=per_class, method=method)
    by_class = how.rows_from == "class"
    groups = [activations[labels == label] for label in range(len(classes))] if by_class else [activations]
    rank = per_class if by_class else per_class * len(classes)
    stacked = np.zeros((len(groups), max(map(len, groups)), activations.shape[1]), np.float32)
    for place, own in zip(stacked, groups, strict=True):
        place[: len(own)] = own
    a = torch.from_numpy(stacked).to(compute_device())
    rows = how.fit(a, rank, seed=seed, tolerance=tolerance, max_iterations=max_iterations).flatten(0, 1)
    norms = rows.norm(dim=1, keepdim=True)
    unit = torch.where(norms > 0, rows / norms.clamp(min=torch.finfo(rows.dtype).tiny), rows)
    origin = np.repeat(np.arange(len(classes)), per_class)
    return unit.double().cpu().numpy(), origin if by_class else np.full_like(origin, -1)


def discover_checkpoint(
    images: str | Path,
    checkpoint: str | Path,
    *,
    model: Model,
    caching: Caching,
    method: str,
    per_class: int,
    seed: int,
    tolerance: float,
    max_iterations: int,
    output: str | Path,
    half: int | None = None,
) -> None:
    """Discover the features of one checkpoint in some classes, from images of these, and write them.

    The file of the first classes also holds the head that reads the penultimate layer, because importance is a property
    of both.

    Of a class that has too few images in a half of them, the directions are zero, and a line says which key to change:
    nothing else of the run hangs on it.

    Parameters
    ----------
    images
        Training images of these classes alone, or crops of them (see `strata.features.discovery`).
    checkpoint
        File of the network's weights.
    model
        The section `model` of the configuration.
    caching
        How the network is run.
    method, per_class, seed, tolerance, max_iterations
        See `discover`.
    output
        The shard.
    half
        0 or 1: the half of every class's images that features are discovered in (see `strata.features.halves`); None
        for all of them.

    Raises
    ------
    StrataError
        If the head does not give the network's answer, or for what `discover` refuses.
    """
    by_class = METHODS[method].rows_from == "class"
    with store.Shard(images, kind="discovery") as shard:
        labels, all_classes = shard.read("labels"), shard.attributes["classes"]
        rows = np.ones(len(labels), bool)
        if half is not None:
            dealing = {"crops": shard.attributes["crops"], "seed": seed, "least": per_class, "together": not by_class}
            rows = halves.rows_of(labels, half, **dealing)
        network, made_by = checkpoints.restored(checkpoint, model, classes=len(all_classes))
        weight, bias = head_weights(head_of(network, model.head))
        check_head(network, shard.read("images", slice(0, 8)), weight=weight, bias=bias, model=model, caching=caching)
        activations = _penultimate(network, shard, rows, model, caching) if rows.any() else None
    own, found = np.unique(labels), np.unique(labels[rows])
    dictionary = np.zeros((per_class * len(own), weight.shape[1]))
    if len(found) < len(own):
        few = [all_classes[label] for label in own if label not in found]
        print(
            f"{len(few)} of {len(own)} classes ({few[0]!r} first) give too few images for features.per_class: "
            f"{per_class} in half of them, and have no stability; lower it, or raise features.images_per_class or "
            "features.crops"
        )
    if activations is not None:
        dictionary[np.isin(own, found).repeat(per_class)], _ = discover(
            activations,
            np.searchsorted(found, labels[rows]),
            classes=[all_classes[label] for label in found],
            method=method,
            per_class=per_class,
            seed=seed,
            tolerance=tolerance,
            max_iterations=max_iterations,
        )
    origin = own.repeat(per_class) if by_class else np.full(len(dictionary), -1)
    head = {"head_weight": weight.astype(np.float32), "head_bias": bias.astype(np.float32)} if own[0] == 0 else {}
    store.write(
        output,
        {"dictionary": dictionary.astype(np.float32), "origin": origin.astype(np.int64), **head},
        kind="features",
        checkpoint=made_by,
        classes=all_classes,
    )


def check_sign(activations: np.ndarray, method: str) -> None:
    """Refuse negative activations where the method does not allow them.

    Parameters
    ----------
    activations
        Penultimate activations of training images, images × units.
    method
        Name of one of `strata.features.methods`.
    """
    if METHODS[method].rectified and activations.min() < 0:
        allowed = ", ".join(name for name, other in METHODS.items() if not other.rectified)
        raise StrataError(
            f"config key features.method: {method} needs a rectified layer, and penultimate activations are negative "
            f"here; allowed then: {allowed}"
        )


def check_counts(classes: Sequence[str], counts: np.ndarray, *, per_class: int, method: str) -> None:
    """Refuse a class that gives fewer images than it is to give features.

    Parameters
    ----------
    classes
        Their names.
    counts
        Images, or crops of them, that each gives to discovery, in the same order.
    per_class
        Features that every class gives; the rank of its factorisation.
    method
        Name of one of `strata.features.methods`: those that fit all images together need as many of them as features.
    """
    if METHODS[method].rows_from == "all":
        classes, counts, per_class = ["all of them"], counts.sum(keepdims=True), per_class * len(classes)
    for name, count in zip(classes, counts, strict=True):
        if count < per_class:
            raise StrataError(
                f"class {name!r} gives {count} training images (or crops of them) to discovery, fewer than the rank "
                f"features.per_class: {per_class}; lower it, or raise features.images_per_class or features.crops"
            )


@torch.no_grad()
def check_head(
    network: nn.Module,
    images: np.ndarray,
    *,
    weight: np.ndarray,
    bias: np.ndarray,
    model: Model,
    caching: Caching,
) -> None:
    """Check on some images that the head gives the network's answer, as importance takes it, but for a softmax.

    Parameters
    ----------
    network
        On its device, in evaluation mode.
    images
        uint8, images × 3 × height × width.
    weight, bias
        Of the head: classes × units, classes.
    model
        The section `model` of the configuration.
    caching
        How the network is run.
    """
    answer = network(normalised(torch.from_numpy(images).to(compute_device()), model)).cpu().double()
    penultimate = cache(network, [PENULTIMATE], images=images, model=model, caching=caching)[PENULTIMATE]
    if penultimate.shape[1] == weight.shape[1]:
        logits = torch.from_numpy(penultimate @ weight.T + bias)
        for told in (logits, logits.softmax(1), logits.log_softmax(1)):
            if told.shape == answer.shape and (told - answer).abs().max() <= 1e-2 * answer.abs().max():
                return
    raise StrataError(
        f"config key model.head: {model.head or 'the last linear layer'} does not give the network's answer "
        f"from its input (pooled to activations.pool: {caching.pool}); name the layer whose output are the logits "
        "(snakemake layers lists the layers)"
    )


def _penultimate(
    network: nn.Module, shard: store.Shard, rows: np.ndarray, model: Model, caching: Caching
) -> np.ndarray:
    """Run the network over some images of a shard, not all of them in memory at once."""
    starts = range(0, len(rows), IMAGES_AT_ONCE)
    slices = (slice(start, start + IMAGES_AT_ONCE) for start in starts)
    parts = (shard.read("images", own)[rows[own]] for own in slices if rows[own].any())
    cached = (cache(network, [PENULTIMATE], images=part, model=model, caching=caching) for part in parts)
    return np.concatenate([found[PENULTIMATE] for found in cached])
