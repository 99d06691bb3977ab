"""Features: directions in the penultimate layer, found by factorising the activations of every class.

Notation, kept throughout (as in the paper): A, activations (images × units); D, the dictionary (features × units); Z,
codes (images × features); A ≈ Z D with Z ≥ 0 and, but for semi-NMF, D ≥ 0.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from strata import models, store
from strata.activations import cache
from strata.discovery import classes_of
from strata.errors import StrataError
from strata.layers import PENULTIMATE, cached_layers
from strata.progress import progress

IMAGES_AT_ONCE = 4096  # that a job holds


def discover(
    activations: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    method: str,
    per_class: int,
    seed: int,
    tolerance: float,
    max_iterations: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Factorise the activations of every class, and stack the directions.

    Parameters
    ----------
    activations
        Penultimate activations of training images, images × units.
    labels
        The images' classes.
    method
        `nmf`, for non-negative activations, or `semi-nmf`, whose directions may have any sign.
    per_class
        Rank of every factorisation.

    Returns
    -------
    dictionary : ndarray
        D, (classes · per_class) × units, rows of unit norm, class by class.
    origin : ndarray
        The class that each row comes from.

    Raises
    ------
    StrataError
        If activations are negative under `nmf`, or a class has fewer images than the rank.
    """
    _check_sign(activations, method)
    counts = np.bincount(labels, minlength=len(classes))
    _check_counts(classes, counts, per_class)
    units = activations.shape[1]
    stacked = np.zeros((len(classes), counts.max(), units), np.float32)
    for label in range(len(classes)):
        stacked[label, : counts[label]] = activations[labels == label]
    a = torch.from_numpy(stacked).to(models.device())
    _, d = factorise(a, per_class, seed, tolerance, max_iterations, signed=method == "semi-nmf")
    rows = d.reshape(-1, units)
    norms = rows.norm(dim=1, keepdim=True)
    unit = torch.where(norms > 0, rows / norms.clamp(min=torch.finfo(rows.dtype).tiny), rows)
    return unit.double().cpu().numpy(), np.repeat(np.arange(len(classes)), per_class)


def factorise(
    a: Tensor, rank: int, seed: int, tolerance: float, max_iterations: int, signed: bool = False
) -> tuple[Tensor, Tensor]:
    """Factorise a batch of matrices, A ≈ U D with U ≥ 0, by hierarchical alternating least squares.

    With all rows of D but the j-th fixed, ½‖A − U D‖² is quadratic in the j-th column of U; its minimum, clipped at
    zero, is u_j ← max(0, u_j + (A d_jᵀ − U D d_jᵀ) / ‖d_j‖²), and likewise for D (Cichocki & Phan 2009). The start
    is NNDSVD (Boutsidis & Gallopoulos 2008), its zeros filled with small seeded noise so that they can grow. Where D
    may have any sign (semi-NMF; Ding, Li & Jordan 2010), its rows take the same step unclipped.

    Parameters
    ----------
    a
        Batch × images × units; zero rows pad smaller matrices. Non-negative, unless `signed`.
    signed
        Whether D may be negative.
    tolerance
        The batch is done when an iteration lowers no matrix's objective by more than this share.

    Returns
    -------
    u, d : Tensor
        Batch × images × rank, batch × rank × units.
    """
    u, d = _start(a, rank, seed)
    norm = a.square().sum((1, 2), dtype=torch.float64)
    before = torch.full_like(norm, torch.inf)
    for _ in progress(range(max_iterations), "factorising classes"):
        _sweep(u, a @ d.mT, d @ d.mT)
        uta, utu = u.mT @ a, u.mT @ u
        dt = d.mT
        _sweep(dt, uta.mT, utu, signed)
        d = dt.mT
        cross, square = (uta * d).sum((1, 2), dtype=torch.float64), (utu * (d @ d.mT)).sum((1, 2), dtype=torch.float64)
        objective = norm - 2 * cross + square
        if (before - objective <= tolerance * objective.clamp(min=1e-12 * norm)).all():
            break
        before = objective
    return u, d


def discover_checkpoint(
    images: str | Path,
    checkpoint: str | Path,
    model_config: dict[str, Any],
    caching: dict[str, Any],
    method: str,
    per_class: int,
    seed: int,
    tolerance: float,
    max_iterations: int,
    output: str | Path,
) -> None:
    """Discover the features of one checkpoint in some classes, from images of these, and write them.

    The file also holds the head that reads the penultimate layer, because importance is a property of both.

    Parameters
    ----------
    images
        Training images of these classes alone, or crops of them (see `strata.discovery`).
    caching
        The keys pool, tokens and batch_size of the section `activations`.

    Raises
    ------
    StrataError
        If the head does not give the network's answer, or for what `discover` refuses.
    """
    with store.Shard(images, kind="discovery") as shard:
        labels, all_classes = shard.read("labels"), shard.attributes["classes"]
        network = models.build(model_config, len(all_classes))
        made_by = models.load(checkpoint, network)
        weight, bias = models.head_weights(models.head_of(network, model_config["head"]))
        network.to(models.device()).eval()
        _check_head(network, shard.read("images", slice(0, 8)), weight, bias, model_config, caching)
        activations = _penultimate(network, shard, model_config, caching)
    own, labels = np.unique(labels, return_inverse=True)
    classes = [all_classes[label] for label in own]
    dictionary, origin = discover(activations, labels, classes, method, per_class, seed, tolerance, max_iterations)
    store.write(
        output,
        {"dictionary": dictionary, "origin": own[origin].astype(np.int64), "head_weight": weight, "head_bias": bias},
        kind="features",
        checkpoint=made_by,
        classes=all_classes,
    )


def check(config: dict[str, Any], image_shards: Sequence[str | Path]) -> None:
    """Check before a network is trained, or its weights are adopted, what would otherwise stop the run afterwards.

    Parameters
    ----------
    config
        The whole configuration.
    image_shards
        All of them.

    Raises
    ------
    StrataError
        If the network lacks a layer that is to be cached, its head does not give its answer, its penultimate layer is
        negative under `nmf`, a class gives fewer images to discovery than the rank, or classes are fewer than jobs.
    """
    parts = []
    for path in image_shards:
        with store.Shard(path, kind="images") as shard:
            classes = shard.attributes["classes"]
            parts.append(np.bincount(shard.read("labels")[shard.read("train")], minlength=len(classes)))
    given, counts = config["features"], np.sum(parts, axis=0)
    most = given["images_per_class"] or counts.max()
    classes_of(0, given["jobs"], len(classes))
    _check_counts(classes, counts.clip(max=most) * (given["crops"] or 1), given["per_class"])

    with store.Shard(image_shards[0], kind="images") as shard:
        images = shard.read("images", slice(0, 8))
    model, section = config["model"], config["activations"]
    caching = {key: section[key] for key in ("pool", "tokens", "batch_size")}
    network = models.build(model, len(classes)).to(models.device()).eval()
    cached = cache(network, cached_layers(section["layers"]), images, model, **caching, dtype=section["dtype"])
    _check_sign(cached[PENULTIMATE], given["method"])
    weight, bias = models.head_weights(models.head_of(network, model["head"]))
    _check_head(network, images, weight, bias, model, caching)


def _check_sign(activations: np.ndarray, method: str) -> None:
    if method == "nmf" and activations.min() < 0:
        raise StrataError(
            "config key features.method: nmf needs a rectified layer, and penultimate activations are negative here; "
            "allowed then: semi-nmf"
        )


def _check_counts(classes: Sequence[str], counts: np.ndarray, per_class: int) -> None:
    for name, count in zip(classes, counts, strict=True):
        if count < per_class:
            raise StrataError(
                f"class {name!r} gives {count} training images (or crops of them) to discovery, fewer than the rank "
                f"features.per_class: {per_class}; lower it, or raise features.images_per_class or features.crops"
            )


@torch.no_grad()
def _check_head(
    network: nn.Module,
    images: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    model_config: dict[str, Any],
    caching: dict[str, Any],
) -> None:
    """Check on some images that the head gives the network's answer, as importance takes it, but for a softmax."""
    answer = network(models.normalised(torch.from_numpy(images).to(models.device()), model_config)).cpu().double()
    penultimate = cache(network, [PENULTIMATE], images, model_config, **caching, dtype="float32")[PENULTIMATE]
    if penultimate.shape[1] == weight.shape[1]:
        logits = torch.from_numpy(penultimate @ weight.T + bias)
        for told in (logits, logits.softmax(1), logits.log_softmax(1)):
            if told.shape == answer.shape and (told - answer).abs().max() <= 1e-2 * answer.abs().max():
                return
    raise StrataError(
        f"config key model.head: {model_config['head'] or 'the last linear layer'} does not give the network's answer "
        f"from its input (pooled to activations.pool: {caching['pool']}); name the layer whose output are the logits "
        "(snakemake layers lists the layers)"
    )


def _penultimate(
    network: nn.Module, shard: store.Shard, model_config: dict[str, Any], caching: dict[str, Any]
) -> np.ndarray:
    """Run the network over the images of a shard, not all of them in memory at once."""
    starts = range(0, shard.shape("images")[0], IMAGES_AT_ONCE)
    parts = (shard.read("images", slice(start, start + IMAGES_AT_ONCE)) for start in starts)
    return np.concatenate(
        [cache(network, [PENULTIMATE], part, model_config, **caching, dtype="float32")[PENULTIMATE] for part in parts]
    )


def _start(a: Tensor, rank: int, seed: int) -> tuple[Tensor, Tensor]:
    """NNDSVD: every singular pair gives its dominant sign's part."""
    rng = torch.Generator().manual_seed(seed)
    u, s, vt = _leading(a, rank, rng)
    missing = rank - s.shape[1]
    if missing > 0:  # more features than units or images: the rest starts from noise alone
        u = torch.nn.functional.pad(u, (0, missing))
        s = torch.nn.functional.pad(s, (0, missing))
        vt = torch.nn.functional.pad(vt, (0, 0, 0, missing))
    up, un, vp, vn = u.clamp(min=0), (-u).clamp(min=0), vt.clamp(min=0), (-vt).clamp(min=0)
    positive = up.norm(dim=1) * vp.norm(dim=2)
    negative = un.norm(dim=1) * vn.norm(dim=2)
    keep = (positive >= negative)[:, :, None]
    left, right = torch.where(keep.mT, up, un), torch.where(keep, vp, vn)
    sizes = (s * torch.maximum(positive, negative)).sqrt()
    tiny = torch.finfo(a.dtype).tiny
    left = left / left.norm(dim=1, keepdim=True).clamp(min=tiny) * sizes[:, None, :]
    right = right / right.norm(dim=2, keepdim=True).clamp(min=tiny) * sizes[:, :, None]
    rows = (a != 0).any(2).sum(1).clamp(min=1)[:, None, None]  # that are no padding
    level = (a.abs().sum((1, 2), keepdim=True) / (rows * a.shape[2] * rank)).sqrt() * 1e-2
    # The same noise for every matrix of the batch, so that no start depends on the others.
    right_noise, left_noise = (
        torch.rand(x.shape[1:], generator=rng, dtype=a.dtype).to(a.device) for x in (right, left)
    )
    return torch.maximum(left, left_noise * level), torch.maximum(right, right_noise * level)


def _leading(a: Tensor, rank: int, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return the leading singular triplets of a batch, by randomised subspace iteration (Halko et al. 2011)."""
    width = min(rank + 10, *a.shape[1:])
    y = a @ torch.randn(a.shape[2], width, generator=rng, dtype=a.dtype).to(a.device)
    for _ in range(6):
        y = torch.linalg.qr(a @ (a.mT @ torch.linalg.qr(y).Q)).Q
    u, s, vt = torch.linalg.svd(y.mT @ a, full_matrices=False)
    return (y @ u)[:, :, :rank], s[:, :rank], vt[:, :rank]


def _sweep(x: Tensor, target: Tensor, gram: Tensor, signed: bool = False) -> None:
    """Update the columns of x in turn, in place: x_j ← max(0, x_j + (target_j − x gram_j) / gram_jj), if not signed."""
    for j in range(x.shape[2]):
        size = gram[:, j, j, None].clamp(min=torch.finfo(x.dtype).tiny)
        change = (target[:, :, j] - (x @ gram[:, :, j, None]).squeeze(2)) / size
        x[:, :, j] = x[:, :, j] + change if signed else (x[:, :, j] + change).clamp(min=0)
