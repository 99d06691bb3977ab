"""Perceptrons: V-information under a second predictive family, to ask whether conclusions depend on the first.

The family V of a layer holds the maps from its activations x (d units) to a feature's code

    z ≈ b + Wᵀx + Vᵀ relu(Uᵀx + c),

a ridge probe and, on what that leaves, a perceptron with one hidden layer. The hidden layer (U, c) is one for all
features of the layer; the rest is each feature's own. A hidden layer for every feature would cost thousands of times as
much at thousands of features, where a shared one costs hardly more than its outputs do. Its price is known: features
compete for its width, so that less may be found of one of them than a perceptron of its own could tell, the less so the
wider the layer is. V holds the linear family (V = 0), and training starts from a ridge probe, which a feature that
gains nothing from the hidden layer can keep.

Cross-fitting has the folds of the linear family. A perceptron leaves out two folds g and h, neighbours in a ring, and
is fitted to the others. It predicts g as after the epoch that is best on h, and h as after the epoch that is best on g,
where every feature has its own epoch and "before the first" is one of them. So every fold is predicted by two
perceptrons, neither of them fitted to it or chosen by it; the mean of both is scored, and rests on all other folds.

Notation: X, activations (images × units); Z, codes (images × features).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from strata import store
from strata.config.keys import Mlp
from strata.device import compute_device
from strata.probes.cka import linear_cka
from strata.probes.memory import check_memory
from strata.probes.moments import Moments, check_folds, in_blocks, is_constant
from strata.probes.ridge import Ridge
from strata.probes.vinformation import VInformation
from strata.progress import progress

_PENALTIES = [10.0**i for i in range(-6, 4)]  # of the ridge probe, in units of the layer's mean variance


def v_information(
    x: Float[Tensor, "images units"],
    z: Float[Tensor, "images features"],
    *,
    fold: Integer[Tensor, " images"],
    moments: Moments,
    mlp: Mlp,
    seed: int,
) -> VInformation:
    """Measure the V-information of every feature by cross-fitted perceptrons (Xu et al. 2020; the family above).

    Parameters
    ----------
    x, z
        Images × units, images × features.
    fold
        The fold of every image.
    moments
        Of these, and of at least 3 folds.
    mlp
        How perceptrons are trained (see `measure`).
    seed
        Of the initial hidden layers and of the order of the images.
    """
    m = moments.centred()
    folds = len(m.n)
    generator = torch.Generator().manual_seed(seed)
    errors = z.new_zeros(z.shape, dtype=torch.float32)
    for g in progress(range(folds), "training perceptrons", total=folds):
        left_out = (g, (g + 1) % folds)
        first, second = (torch.nonzero(fold == f).squeeze(1) for f in left_out)
        fit = torch.nonzero((fold != left_out[0]) & (fold != left_out[1])).squeeze(1)
        inputs, targets, scale = _prepared(x, z, m, left_out)
        epochs = _epochs(inputs, targets, fit, mlp, generator)
        best = _best_errors(epochs, [(inputs[rows], targets[rows]) for rows in (first, second)])
        for rows, own in zip((first, second), best, strict=True):
            errors[rows] += own.mul_(scale / 2)
    sse = torch.stack([errors[fold == f].double().square().sum(0) for f in range(folds)])
    mean = (m.z.sum(0) - m.z) / (m.n.sum() - m.n)[:, None]
    sst = (m.zz - 2 * m.z * mean + m.n[:, None] * mean.square()).clamp(min=0)
    value = 1 - sse.sum(0) / sst.sum(0)
    return VInformation(torch.where(is_constant(moments), torch.nan, value), sse, sst)


def measure(
    activations: Sequence[str | Path],
    codes: Sequence[str | Path],
    *,
    layer: str,
    folds: int,
    seed: int,
    memory_mb: int | float,
    mlp: Mlp,
    studied: str = "all",
) -> dict[str, Tensor]:
    """Measure all features in a layer.

    A layer's activations and all codes are held in memory, in float32, with the residuals of the ridge probes and the
    errors; beside them the moments.

    Parameters
    ----------
    activations, codes
        Shards, in the same order.
    layer
        That the activations are of.
    folds, seed
        Of the cross-fitting.
    memory_mb
        Memory for a layer.
    mlp
        How perceptrons are trained (section `probes.mlp` of the configuration): by Adam (Kingma & Ba 2015), whose
        learning rate falls to 0 along a cosine.
    studied
        all images, or test: those alone that training never saw.

    Returns
    -------
    dict
        `vinfo`, `cka` (K), `sse` and `sst` (folds × K).

    Raises
    ------
    StrataError
        If a layer does not fit the memory, or folds are too small; if a shard is damaged, of another layer, or of
        other images than the codes.
    """
    _check_memory(activations, codes, folds, memory_mb, studied)
    blocks = in_blocks(activations, codes, layer=layer, folds=folds, seed=seed, studied=studied)
    held = zip(*([part[block[2] >= 0] for part in block] for block in blocks), strict=True)
    x, z, fold = (torch.from_numpy(np.concatenate(parts)).to(compute_device()) for parts in held)
    moments = Moments.of(x, z, fold=fold, folds=folds)
    check_folds(moments, studied)
    found = v_information(x, z, fold=fold, moments=moments, mlp=mlp, seed=seed)
    return {**found.arrays(), "cka": linear_cka(moments)}


def _prepared(x: Tensor, z: Tensor, m: Moments, left_out: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Return what a perceptron is trained on: inputs, and what ridge probes leave of the codes.

    The inputs are principal components of the fit folds, each over √(its variance + the mean variance): nearly as good
    as whitened ones for gradient descent, while those of hardly any variance stay small, as for a ridge probe.

    Returns
    -------
    inputs, targets : Tensor
        Images × units; images × features, in units of the code's standard deviation on the fit folds.
    scale : Tensor
        What a target of 1 means in the code (K).
    """
    fit = Ridge(m, left_out, dtype=torch.float64)
    weights, mean_x, mean_z = fit.by_generalised_cv(m, _PENALTIES)
    centred = x.float() - (m.origin_x + mean_x).float()
    targets = (z.float() - (m.origin_z + mean_z).float()).addmm_(centred, weights.float(), alpha=-1)
    kept = [f for f in range(len(m.n)) if f not in left_out]
    variance = m.zz[kept].sum(0) / fit.n - mean_z.square()
    # A code that does not vary on the fit folds, beyond rounding, has nothing to learn and no unit of its own.
    varies = variance > 1e-12 * (m.origin_z + mean_z).square()
    scale = torch.where(varies, variance, 1.0).sqrt().float()
    rotation = fit.shrinkage(torch.ones(1, device=x.device)).mul_(fit.n).sqrt_() * fit.rotation
    return centred @ rotation.T.float(), targets.div_(scale), scale


def memory(units: int, count: int, *, images: int, folds: int, memory_mb: int | float = 0) -> float:
    """Return the bytes that a layer's arrays take: of all images, of those left out of a fit, and the moments.

    Parameters
    ----------
    units, count
        Of the layer, and all that are probed.
    images, folds
        Of the cross-fitting.
    memory_mb
        Not used: what is held does not depend on it.
    """
    held = 4 * images * ((2 + 2 / folds) * units + (3 + 6 / folds) * count)
    return held + 8 * folds * units * (3 * units + 2 * count)


def least_memory(units: int, count: int, *, images: int, folds: int) -> float:
    """Return the bytes without which a layer cannot be measured: all that it takes.

    Parameters
    ----------
    units, count
        Of the layer, and all that are probed.
    images, folds
        Of the cross-fitting.
    """
    return memory(units, count, images=images, folds=folds)


def seconds(
    units: int | float,
    count: int,
    *,
    images: int,
    folds: int,
    width: int,
    rates: Mapping[str, float],
    mlp: Mlp,
) -> float:
    """Return the seconds that it takes to train and judge a layer's perceptrons.

    Parameters
    ----------
    units, count
        Of the layer, and all that are probed.
    images, folds
        Of the cross-fitting.
    width
        Bytes of a number in the shards of activations.
    rates
        See `strata.estimate.estimate`.
    mlp
        How perceptrons are trained (section `probes.mlp` of the configuration): by Adam (Kingma & Ba 2015), whose
        learning rate falls to 0 along a cosine.
    """
    fit, left_out = images * (folds - 2) / folds, images * 2 / folds
    parameters = mlp.width * (units + count)
    ridge = 2 * images * units * (units + count) / folds + 12 * units**3 + 4 * units * units * count
    # Forward and back through the fit folds, forward through the others.
    epoch = (6 * fit + 2 * left_out) * parameters / rates["product32"]
    # A step of Adam passes about 12 times over the parameters; errors are passed over about as often.
    steps = ceil(fit / mlp.batch_size)
    passes = 12 * 4 * (steps * parameters + images * count) / rates["memory_bandwidth"]
    return folds * (ridge / rates["product64"] + mlp.epochs * (epoch + passes))


def _check_memory(
    activation_shards: Sequence[str | Path],
    code_shards: Sequence[str | Path],
    folds: int,
    memory_mb: int | float,
    studied: str,
) -> None:
    """Refuse a layer whose arrays do not fit the memory."""
    images = 0
    for path in activation_shards:
        with store.Shard(path) as shard:
            rows, units = shard.shape("activations")
            images += rows if studied == "all" else int((~shard.read("train")).sum())
    with store.Shard(code_shards[0]) as shard:
        features = shard.shape("codes")[1]
    check_memory(
        memory(units, features, images=images, folds=folds),
        memory_mb=memory_mb,
        layer=f"{units} units, {features:,} features, {images:,} images",
    )


def _epochs(
    inputs: Tensor, targets: Tensor, fit: Tensor, mlp: Mlp, generator: torch.Generator
) -> Iterator[Callable[[Tensor], Tensor]]:
    """Train a perceptron by least squares on the rows `fit`; yield what predicts after every epoch."""
    n, d = len(fit), inputs.shape[1]
    u = torch.randn(d, mlp.width, generator=generator).mul_((2 / d) ** 0.5).to(inputs.device)
    c, b = inputs.new_zeros(mlp.width), inputs.new_zeros(targets.shape[1])
    v = inputs.new_zeros(mlp.width, targets.shape[1])
    parameters = [p.requires_grad_() for p in (u, c, v, b)]

    def predict(x: Tensor) -> Tensor:
        return torch.addmm(b, torch.relu(torch.addmm(c, x, u)), v)

    optimiser = torch.optim.Adam(parameters, lr=mlp.learning_rate)
    steps = mlp.epochs * ceil(n / mlp.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(mlp.epochs):
        for rows in fit[torch.randperm(n, generator=generator).to(fit.device)].split(mlp.batch_size):
            optimiser.zero_grad()
            (predict(inputs[rows]) - targets[rows]).square().mean().backward()
            optimiser.step()
            schedule.step()
        yield predict


def _best_errors(
    epochs: Iterator[Callable[[Tensor], Tensor]], held_out: Sequence[tuple[Tensor, Tensor]]
) -> list[Tensor]:
    """Return the errors on two folds (images × features), each of the epoch that is best on the other one.

    Parameters
    ----------
    epochs
        What predicts after each.
    held_out
        Inputs and targets of both folds; the targets are the errors before the first epoch.
    """
    best = [targets.clone() for _, targets in held_out]
    costs = [errors.square().sum(0) for errors in best]
    for predict in epochs:
        with torch.no_grad():
            errors = [targets - predict(inputs) for inputs, targets in held_out]
        new = [own.square().sum(0) for own in errors]
        better = [after < before for after, before in zip(new, costs, strict=True)]
        for own, other, chosen in zip(best, errors, reversed(better), strict=True):
            own.copy_(torch.where(chosen, other, own))
        costs = [torch.minimum(*pair) for pair in zip(new, costs, strict=True)]
    return best
