"""Enriched samples: V-information of a feature among images of which a stated share are of its own class.

With many classes, a feature of one class fires in so few images that any probe's answer drowns in the images in which
it does not, and its V-information is near 0 in every layer, its own too. So the images of its class are weighted with
w = share · n / n_class, all others with a = (1 − share) · n / n_others (importance weighting, as after a shift of the
classes' rates). V-information is then that in a population in which the class has this share: the firing rate of a
feature that fires in all of its class and nowhere else. Probes, the choice of their penalties, held-out errors and
total variances are all weighted alike; with weights of 1 they are those of `strata.probes.ridge`.

The weighted Gram matrix of a class is a times that of all images, whose eigenvectors V all classes share, and what the
few images of the class add: with their rows Y in the basis V, about the mean of all fitted images, b = w − a, and n the
number of images fitted to,

    G = a diag(s) + b YᵀY − (a n + b n_class) ν νᵀ,   ν = b Σy / (a n + b n_class), the weighted mean,
      = a diag(s) ± UᵀU,   U = √|b| (Y − (1 − √(a n / (a n + b n_class))) mean(Y)),

so that (G + αI)⁻¹ takes systems no larger than the class has images (Woodbury's identity), and no other
eigendecomposition than those there are.

Notation: X, activations (images × units); Z, codes (images × features); W, probes (units × features).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float64, Integer
from torch import Tensor

from strata import store
from strata.errors import StrataError
from strata.probes import ridge
from strata.probes.cka import linear_cka
from strata.probes.moments import Moments, feature_blocks, in_blocks, is_constant, summed
from strata.probes.ridge import Ridge, without
from strata.probes.vinformation import VInformation

_START = 2e-3  # seconds that a class takes in a fit beside its products: some sixty calls, measured
_FOLDS = 3  # that a class has to have images in: two of them are left out of a fit at a time


@dataclass
class OfClass:
    """The images of a class, and the features that come from it.

    Attributes
    ----------
    features : Tensor
        Which of all features they are (k).
    x, z : Tensor
        The class's activations (images × d), and codes of these features (images × k).
    fold : Tensor
        The fold of every image.
    """

    features: Integer[Tensor, " own"]
    x: Float[Tensor, "images units"]
    z: Float[Tensor, "images own"]
    fold: Integer[Tensor, " images"]


@dataclass
class Weights:
    """What images are weighted with.

    Attributes
    ----------
    others, more : float
        The weight of an image of another class, and by how much that of one of the class is larger.
    """

    others: float
    more: float

    @staticmethod
    def of(own: int, images: int, *, class_share: float) -> "Weights":
        """Return weights that give a class its share, and add up to the number of images.

        Parameters
        ----------
        own, images
            How many images the class has, and how many there are.
        class_share
            Of the total weight, that of the class.
        """
        others = (1 - class_share) * images / (images - own)
        return Weights(others, class_share * images / own - others)


def v_information(
    moments: Moments, classes: Iterable[OfClass], *, penalties: Sequence[float], class_share: float
) -> tuple[VInformation, Float64[Tensor, " features"]]:
    """Measure V-information and linear CKA of every feature, the images of its class weighted to a share.

    The cross-fitting is that of `strata.probes.ridge.v_information`.

    Parameters
    ----------
    moments
        Of all images, in at least 3 folds.
    classes
        Those that features come from, each feature from one.
    penalties
        Candidates, in units of the layer's (weighted) mean variance.
    class_share
        Of the total weight, that of the class.
    """
    m = moments.centred()
    folds, k, device = len(m.n), m.z.shape[1], m.z.device
    candidates = torch.tensor(penalties, dtype=torch.float64, device=device)
    inner_fits = [Ridge(m, pair, dtype=torch.float32) for pair in combinations(range(folds), 2)]
    outer_fits = [Ridge(m, (fold,), dtype=torch.float64) for fold in range(folds)]
    sse, sst, penalty = (torch.empty(folds, k, dtype=torch.float64, device=device) for _ in range(3))
    cka = torch.empty(k, dtype=torch.float64, device=device)
    for given in classes:
        own, some = _about(given, m, device)
        at = own.features
        weights = Weights.of(len(own.x), int(m.n.sum()), class_share=class_share)
        inner = torch.zeros(folds, len(candidates), len(at), dtype=torch.float64, device=device)
        for fit in inner_fits:
            for fold, (error, _) in zip(fit.left_out, _errors(fit, some, own, weights, candidates), strict=True):
                # An error on one of two folds left out is for the choice of the other.
                (other,) = (left_out for left_out in fit.left_out if left_out != fold)
                inner[other] += error
        best = inner.argmin(1)
        penalty[:, at] = candidates[best]
        for fit in outer_fits:
            (fold,) = fit.left_out
            ((error, sst[fold, at]),) = _errors(fit, some, own, weights, candidates, chosen=best[fold])
            sse[fold, at] = error[0]
        cka[at] = linear_cka(_weighted(some, own, weights))
    value = torch.where(is_constant(moments), torch.nan, 1 - sse.sum(0) / sst.sum(0))
    return VInformation(value, sse, sst, penalty), cka


def measure(
    activations: Sequence[str | Path],
    codes: Sequence[str | Path],
    *,
    layer: str,
    folds: int,
    seed: int,
    memory_mb: int | float,
    penalties: Sequence[float],
    origin: np.ndarray,
    images: Sequence[str | Path],
    class_share: float,
    studied: str = "all",
) -> dict[str, Tensor]:
    """Measure all features in a layer, in one pass over its shards (see `strata.probes.ridge.measure`).

    Parameters
    ----------
    activations, codes
        Shards, in the same order.
    layer
        That the activations are of.
    folds, seed
        Of the cross-fitting.
    memory_mb
        Memory for moments, and for all activations of the layer.
    penalties
        Candidates (see `v_information`).
    origin
        The class that every feature comes from (K).
    images
        Shards of images, in the order of the others: what tells their classes.
    class_share
        Of the total weight, that of a feature's class.
    studied
        all images, or test: those alone that training never saw.

    Returns
    -------
    dict
        `vinfo`, `cka` (K), `sse`, `sst` and `penalty` (folds × K).

    Raises
    ------
    StrataError
        If a feature comes from no class, or a class has images in fewer than 3 folds; and as
        `strata.probes.ridge.measure` does.
    """
    if (origin < 0).any():
        raise StrataError(
            "config key activations.sample must be stratified, because these features come from no class: "
            "there is none to enrich"
        )
    labels, units = _labels(images, codes), _units(activations[0])
    held = 4 * units * len(labels)
    parts = []
    for chosen in feature_blocks(activations[0], codes[0], folds=folds, memory_mb=memory_mb, held=held):
        found: dict[int, list[tuple[np.ndarray, ...]]] = {}
        features = {int(c): np.flatnonzero(origin[chosen] == c) for c in np.unique(origin[chosen])}
        blocks = in_blocks(activations, codes, layer=layer, folds=folds, seed=seed, chosen=chosen, studied=studied)
        moments = summed(_keeping(blocks, labels, features, found), folds=folds, studied=studied)
        own = (_of_class(features[c], c, found.get(c, [])) for c in features)
        vinfo, cka = v_information(moments, own, penalties=penalties, class_share=class_share)
        parts.append({**vinfo.arrays(), "cka": cka})
    return {name: torch.cat([part[name] for part in parts], -1) for name in parts[0]}


def seconds(
    units: int | float,
    count: int,
    *,
    images: int,
    folds: int,
    width: int,
    rates: Mapping[str, float],
    penalties: Sequence[float],
    classes: int,
) -> float:
    """Return the seconds that it takes to measure a layer (see `strata.probes.ridge.seconds`).

    Every class goes through the Gram matrices of every fit by itself, and solves a system of its images' size for
    every penalty.

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
    penalties
        Candidates.
    classes
        That features come from.
    """
    shared = ridge.seconds(units, count, images=images, folds=folds, width=width, rates=rates, penalties=penalties)
    fits, own = folds * (folds + 1) // 2, images / classes
    rank = min(own, units)
    systems = fits * len(penalties) * classes * (2 * rank**2 * units + rank**3)
    rows = 2 * fits * images * units * units + 2 * images * units * units  # to the basis of every fit; CKA
    wide = fits * len(penalties) * 2 * images * count / classes * units  # held-out errors of a class's own images
    passes = classes * (fits * 6 * 6 + 3 * 8) * units * units  # over rotations and Gram matrices
    starts = fits * classes * _START
    return shared + starts + (systems + rows + wide) / rates["product64"] + passes / rates["memory_bandwidth"]


def least_memory(units: int, count: int, *, images: int, folds: int) -> float:
    """Return the bytes without which a layer cannot be measured: those of ridge probes, and all of X.

    Parameters
    ----------
    units, count
        Of the layer, and all that are probed.
    images, folds
        Of the cross-fitting.
    """
    return 4.0 * images * units + ridge.least_memory(units, count, images=images, folds=folds)


def memory(units: int, count: int, *, images: int, folds: int, memory_mb: int | float) -> float:
    """Return the bytes that it takes to measure a layer: its moments as far as they are held at once, and all of X.

    Parameters
    ----------
    units, count
        Of the layer, and all that are probed.
    images, folds
        Of the cross-fitting.
    memory_mb
        Memory for moments and activations.
    """
    held = 4.0 * images * units
    return min(memory_mb * 2.0**20, held + ridge.memory(units, count, images=images, folds=folds, memory_mb=memory_mb))


def _errors(
    fit: Ridge,
    some: Moments,
    own: OfClass,
    weights: Weights,
    penalties: Float64[Tensor, " penalties"],
    chosen: Integer[Tensor, " own"] | None = None,
) -> list[tuple[Float64[Tensor, "one_or_penalties own"], Float64[Tensor, " own"]]]:
    """Return weighted squared errors on every fold left out, of the probes and of the fitted weighted mean.

    Of the probes for all penalties, or for those that are chosen, one a feature (then penalties is 1).
    """
    a, b = weights.others, weights.more
    y = _rotated(own.x, fit)
    left_out = torch.isin(own.fold, torch.tensor(fit.left_out, device=own.fold.device))
    fitted, targets = y[~left_out], own.z[~left_out]
    xz, narrow = without(some.xz, fit.left_out), fit.dtype
    n, total = a * fit.n + b * len(fitted), without(some.z, fit.left_out)
    mean = b * fitted.sum(0) / n  # of the units, in the basis
    middle = (a * total + b * targets.sum(0)) / n  # of the codes
    product = a * fit.rotated(xz.to(narrow), total).double() + b * fitted.T @ targets
    w = _probes(fit, fitted, product - n * torch.outer(mean, middle), weights, penalties)
    if chosen is not None:
        w = w[:, chosen, torch.arange(w.shape[2], device=w.device)][:, None]
    t, spread = [], []
    for fold, offset in zip(fit.left_out, fit.offsets, strict=True):
        held = own.fold == fold
        x, z = y[held], own.z[held]
        count, units = a * some.n[fold] + b * len(x), a * offset + b * x.sum(0)
        codes = a * some.z[fold] + b * z.sum(0)
        products = a * fit.rotated(some.xz[fold].to(narrow), some.z[fold]).double() + b * x.T @ z
        t.append(products - torch.outer(mean, codes) - torch.outer(units - count * mean, middle))
        squares = a * some.zz[fold] + b * z.square().sum(0)
        sst = (squares - 2 * middle * codes + count * middle.square()).clamp(min=0)
        along, of_mean = torch.einsum("nu,upk->npk", x, w), torch.einsum("u,upk->pk", mean, w)
        more = b * along.square().sum(0) - 2 * torch.einsum("u,upk->pk", units, w) * of_mean
        spread.append((sst, more + count * of_mean.square()))
    explained = a * fit.explained(w.to(narrow), torch.stack(t).to(narrow) / a)
    return [((sst + gain + more).clamp(min=0), sst) for gain, (sst, more) in zip(explained, spread, strict=True)]


def _probes(
    fit: Ridge,
    fitted: Float64[Tensor, "images units"],
    product: Float64[Tensor, "units own"],
    weights: Weights,
    penalties: Float64[Tensor, " penalties"],
) -> Float64[Tensor, "units penalties own"]:
    """Return the weighted probes for every penalty, in the basis of the fit, by Woodbury's identity."""
    a, b = weights.others, weights.more
    u = fitted
    if len(u):
        share = a * fit.n / (a * fit.n + b * len(u))
        u = abs(b) ** 0.5 * (u - (1 - share.sqrt()) * u.mean(0))
    if len(u) > u.shape[1]:
        u = torch.linalg.qr(u, mode="r").R
    sign = 1.0 if b >= 0 else -1.0
    variance = (a * fit.s.sum() + sign * u.square().sum()) / len(fit.s)
    inverse = torch.where(fit.s > 0, 1 / (a * fit.s + penalties[:, None] * variance), 0.0)  # penalties × units
    few = u * inverse[:, None]
    systems = few @ u.T + sign * torch.eye(len(u), dtype=u.dtype, device=u.device)
    w = inverse[:, :, None] * product - few.mT @ torch.linalg.solve(systems, few @ product)
    return w.transpose(0, 1)


def _rotated(x: Float64[Tensor, "images units"], fit: Ridge) -> Float64[Tensor, "images units"]:
    """Return images in the basis of a fit, about its mean; 0 in directions in which the fitted ones do not vary."""
    return torch.where(fit.s > 0, ((x - fit.mean_x).to(fit.dtype) @ fit.rotation.T).double(), 0.0)


def _about(given: OfClass, moments: Moments, device: torch.device) -> tuple[OfClass, Moments]:
    """Return a class in float64 about the origin of moments, and of these those of its features."""
    at = given.features.to(device)
    x = given.x.to(device).double() - moments.origin_x
    z = given.z.to(device).double() - moments.origin_z[at]
    sums = {field.name: getattr(moments, field.name) for field in fields(Moments)}
    sums |= {name: sums[name][..., at] for name in ("origin_z", "z", "xz", "zz")}
    return OfClass(at, x, z, given.fold.to(device)), Moments(**sums)


def _weighted(some: Moments, own: OfClass, weights: Weights) -> Moments:
    """Return the weighted moments of all folds together, as those of one."""
    a, b = weights.others, weights.more
    x, z = own.x, own.z
    return Moments(
        some.origin_x,
        some.origin_z,
        a * some.n.sum(0, keepdim=True) + b * len(x),
        a * some.x.sum(0, keepdim=True) + b * x.sum(0),
        a * some.z.sum(0, keepdim=True) + b * z.sum(0),
        a * some.xx.sum(0, keepdim=True) + b * x.T @ x,
        a * some.xz.sum(0, keepdim=True) + b * x.T @ z,
        a * some.zz.sum(0, keepdim=True) + b * z.square().sum(0),
    )


def _labels(images: Sequence[str | Path], codes: Sequence[str | Path]) -> np.ndarray:
    """Return the class of every image, in the order of the shards."""
    labels = []
    for image_shard, code_shard in zip(images, codes, strict=True):
        with store.Shard(code_shard, kind="codes") as shard:
            of = shard.attributes["images"]
        with store.Shard(image_shard, kind="images", images=of) as shard:
            labels.append(shard.read("labels"))
    return np.concatenate(labels)


def _units(activation_shard: str | Path) -> int:
    with store.Shard(activation_shard) as shard:
        return shard.shape("activations")[1]


def _keeping(
    blocks: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]],
    labels: np.ndarray,
    features: Mapping[int, np.ndarray],
    found: dict[int, list[tuple[np.ndarray, ...]]],
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield blocks as they are, and keep what is of every class and its features in `found`."""
    start = 0
    for x, z, fold in blocks:
        label = np.where(fold >= 0, labels[start : start + len(fold)], -1)
        start += len(fold)
        for c in np.intersect1d(label, list(features)):
            rows = np.flatnonzero(label == c)
            found.setdefault(int(c), []).append((x[rows], z[np.ix_(rows, features[int(c)])], fold[rows]))
        yield x, z, fold


def _of_class(features: np.ndarray, label: int, parts: Sequence[tuple[np.ndarray, ...]]) -> OfClass:
    folds = {int(f) for *_, fold in parts for f in fold}
    if len(folds) < _FOLDS:
        raise StrataError(
            f"config key activations.sample: enriched needs images of every class in at least {_FOLDS} of the folds; "
            f"class number {label} has them in {len(folds)}; study more images, or take fewer probes.folds"
        )
    x, z, fold = (torch.from_numpy(np.concatenate(part)) for part in zip(*parts, strict=True))
    return OfClass(torch.from_numpy(features), x, z, fold)
