"""Probes: V-information and linear CKA of every feature in a layer, from moments.

One pass over the images gives, per fold, the sums of a layer's activations x (d units), of the codes z (K features) and
of their products. A ridge probe for every feature and penalty, its error on a held-out fold, and linear CKA follow from
these sums alone, in memory O(d² + d K), whatever the number of images.

Notation: X, activations (images × units); Z, codes (images × features); W, probes (units × features).
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from strata import models, store
from strata.errors import StrataError
from strata.progress import progress

_ROWS = 4096  # images that are read and multiplied at a time
_CACHED_ROWS = 1024  # images of a fold that are multiplied at a time: they stay in the processor's cache
_ROWS_OF_GRAM = 64
_BLOCK = 256  # features that are treated at a time: their working arrays stay in the processor's cache

T = TypeVar("T")


@dataclass
class Moments:
    """Sums over the images of every fold, about an origin that keeps them small; float64.

    They are sums, so the moments of two sets of images add up to those of both, exactly.

    Attributes
    ----------
    origin_x, origin_z : Tensor
        What was subtracted from x (d) and z (K).
    n : Tensor
        Number of images (folds).
    x, z : Tensor
        Σx (folds × d), Σz (folds × K).
    xx, xz, zz : Tensor
        Σxxᵀ (folds × d × d), Σxzᵀ (folds × d × K), Σz² (folds × K).
    """

    origin_x: Tensor
    origin_z: Tensor
    n: Tensor
    x: Tensor
    z: Tensor
    xx: Tensor
    xz: Tensor
    zz: Tensor

    @staticmethod
    def empty(origin_x: Tensor, origin_z: Tensor, folds: int) -> "Moments":
        """Return the moments of no images about an origin, to which images are added."""
        d, k = len(origin_x), len(origin_z)
        sizes = ((folds,), (folds, d), (folds, k), (folds, d, d), (folds, d, k), (folds, k))
        return Moments(origin_x, origin_z, *(origin_x.new_zeros(size) for size in sizes))

    @staticmethod
    def of(x: Tensor, z: Tensor, fold: Tensor, folds: int) -> "Moments":
        """Return the moments of some images about roughly their mean (see `add`)."""
        moments = Moments.empty(_middle(x), _middle(z), folds)
        moments.add(x, z, fold)
        return moments

    def add(self, x: Tensor, z: Tensor, fold: Tensor) -> None:
        """Add some images, in place.

        Parameters
        ----------
        x, z
            Images × units, images × features. XᵀX is computed in float64, because small eigenvalues live on small
            differences; XᵀZ in float32, or float64 if x is. On CUDA that is full float32, unless
            `torch.backends.cuda.matmul.allow_tf32` asks for less.
        fold
            The fold of every image.
        """
        dtype = x.dtype if x.dtype == torch.float64 else torch.float32
        x, z = x.to(dtype), z.to(dtype)
        near_x, near_z = self.origin_x.to(dtype), self.origin_z.to(dtype)
        for f in range(len(self.n)):
            own = torch.nonzero(fold == f).squeeze(1)
            xz = x.new_zeros(self.xz.shape[1:])
            for rows in own.split(_CACHED_ROWS):
                xf, zf = x[rows].sub_(near_x), z[rows].sub_(near_z)
                wide = xf.double()
                self.x[f] += wide.sum(0)
                self.z[f] += zf.sum(0)
                self.xx[f].addmm_(wide.T, wide)
                xz.addmm_(xf.T, zf)
                self.zz[f] += zf.square_().sum(0)
            self.xz[f] += xz
            self.n[f] += len(own)

    def about(self, origin_x: Tensor, origin_z: Tensor) -> "Moments":
        """Return the same moments about another origin."""
        a, b = self.origin_x - origin_x, self.origin_z - origin_z
        n, x, z = self.n[:, None], self.x + self.n[:, None] * a, self.z + self.n[:, None] * b
        return Moments(
            origin_x,
            origin_z,
            self.n,
            x,
            z,
            self.xx + self.x[:, :, None] * a + a[:, None] * x[:, None, :],
            self.xz + self.x[:, :, None] * b + a[:, None] * z[:, None, :],
            self.zz + 2 * b * self.z + n * b * b,
        )

    def __add__(self, other: "Moments") -> "Moments":
        """Return the moments of both sets of images together."""
        same = torch.equal(self.origin_x, other.origin_x) and torch.equal(self.origin_z, other.origin_z)
        other = other if same else other.about(self.origin_x, self.origin_z)
        return replace(
            self, **{name: getattr(self, name) + getattr(other, name) for name in ("n", "x", "z", "xx", "xz", "zz")}
        )

    def save(self, output: str | Path, **about: object) -> None:
        """Write a shard of moments, for another job to add to its own; `about` says what they are of."""
        store.write(output, {name: value.cpu().numpy() for name, value in vars(self).items()}, kind="moments", **about)

    @staticmethod
    def load(path: str | Path, **expected: object) -> "Moments":
        """Read moments that `save` wrote.

        Raises
        ------
        StrataError
            If the shard is damaged, or of something else than expected.
        """
        arrays, _ = store.read(path, kind="moments", **expected)
        return Moments(**{name: torch.from_numpy(value).to(models.device()) for name, value in arrays.items()})

    def of_units(self, units: Tensor) -> "Moments":
        """Return the moments of some units of the layer alone, by their indices."""
        some = {"origin_x": self.origin_x[units], "x": self.x[:, units], "xz": self.xz[:, units]}
        return replace(self, xx=self.xx[:, units][:, :, units], **some)

    def centred(self) -> "Moments":
        """Return the moments about the mean of all images."""
        n = self.n.sum()
        return self.about(self.origin_x + self.x.sum(0) / n, self.origin_z + self.z.sum(0) / n)


@dataclass
class VInformation:
    """V-information of every feature in a layer.

    Attributes
    ----------
    value : Tensor
        1 − ΣSSE/ΣSST over the held-out folds (K); NaN marks a feature whose code is constant.
    sse, sst : Tensor
        Squared errors of probe and mean on each held-out fold (folds × K).
    penalty : Tensor or None
        The penalty chosen for each held-out fold (folds × K); of the linear family alone.
    """

    value: Tensor
    sse: Tensor
    sst: Tensor
    penalty: Tensor | None = None

    def arrays(self) -> dict[str, Tensor]:
        """Return the datasets that a shard of results has of every layer."""
        named = {"vinfo": self.value, "sse": self.sse, "sst": self.sst, "penalty": self.penalty}
        return {name: values for name, values in named.items() if values is not None}


class Ridge:
    """Ridge probes fitted to all folds but one or two, and their errors on those: what of it all features share.

    With the Gram matrix XᵀX = V diag(s) Vᵀ about the mean of the fitted images, the probes for penalty α are
    W = V diag(1/(s + α)) VᵀXᵀZ. A penalty p of the configuration means α = p · tr(XᵀX)/d: it is in units of the
    layer's mean variance, and the same p means the same shrinkage in every layer.

    Parameters
    ----------
    moments
        Of all folds.
    left_out
        Folds that are not fitted.
    dtype
        Of the products with features, which are nearly all of the work.
    """

    def __init__(self, moments: Moments, left_out: tuple[int, ...], dtype: torch.dtype) -> None:
        self.left_out, self.dtype = left_out, dtype
        self.n = _without(moments.n, left_out)
        mean = _without(moments.x, left_out) / self.n
        s, v = torch.linalg.eigh(_without(moments.xx, left_out) - self.n * torch.outer(mean, mean))
        # Directions in which the fitted images do not vary, beyond rounding, hold nothing of z.
        rounding = torch.finfo(s.dtype).eps * (len(s) * s[-1] + self.n * moments.origin_x.square().sum())
        self.s = torch.where(s > rounding, s, 0.0)
        self.rotation, self.mean = v.T.to(dtype), v.T @ mean
        self.offsets = [v.T @ moments.x[f] - moments.n[f] * self.mean for f in left_out]
        grams = [
            moments.xx[f] - torch.outer(moments.x[f], mean) - torch.outer(mean, moments.x[f] - moments.n[f] * mean)
            for f in left_out
        ]
        both = torch.stack([v.T @ gram @ v for gram in grams]).to(dtype)
        # wᵀGw is the sum over blocks of rows of w_Iᵀ(G_II w_I + 2 G_IJ w_J) with J after I: nearly half the products.
        self.upper = []
        for start in range(0, len(s), _ROWS_OF_GRAM):
            rows = slice(start, min(start + _ROWS_OF_GRAM, len(s)))
            upper = both[:, rows, start:].clone()
            upper[:, :, rows.stop - start :] *= 2
            self.upper.append((rows, upper.flatten(0, 1)))

    def shrinkage(self, penalties: Tensor) -> Tensor:
        """Return 1/(s + α), units × the shape of `penalties`; 0 in directions that neither has."""
        spread = self.s.view(-1, *(1 for _ in penalties.shape)) + penalties * self.s.mean()
        varies = (self.s > 0).view(-1, *(1 for _ in penalties.shape))
        return torch.where(varies, 1 / spread, 0.0).to(self.dtype)

    def by_generalised_cv(self, moments: Moments, penalties: Sequence[float]) -> tuple[Tensor, Tensor, Tensor]:
        """Choose every feature's penalty by generalised cross-validation (Golub, Heath & Wahba 1979).

        It minimises RSS/(1 − df/n)², of the fitted images alone: neither fold left out is looked at, so that both stay
        held out.

        Parameters
        ----------
        moments
            Those that this was made of.
        penalties
            Candidates.

        Returns
        -------
        weights, mean_x, mean_z : Tensor
            The probes (d × K), and the means of the fitted images, about the origin of the moments (d, K).
        """
        z = _without(moments.z, self.left_out)
        mean = z / self.n
        t = self._rotated(_without(moments.xz, self.left_out), self.mean, z)
        candidates = torch.tensor(penalties, dtype=torch.float64, device=z.device)
        shrinkage = self.shrinkage(candidates)
        kept = self.s[:, None] * shrinkage
        rss = _without(moments.zz, self.left_out) - z * mean - ((2 - kept) * shrinkage).T @ t.square()
        spare = 1 - (1 + kept.sum(0))[:, None] / self.n
        # A probe that runs through all images leaves nothing but rounding to judge it by.
        scores = torch.where(spare > 1e-3, rss / spare.square(), torch.inf)
        weights = t.mul_(shrinkage[:, scores.argmin(0)])
        return self.rotation.T @ weights, self.rotation.T @ self.mean, mean

    def errors(
        self, n: Tensor, z: Tensor, xz: Tensor, zz: Tensor, shrinkage: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return squared errors on every fold left out, of the probes and of the fitted mean.

        Σ(z − Wᵀx)² = Σz² − 2 wᵀXᵀz + wᵀXᵀXw for every feature, about the means of the fitted images.

        Parameters
        ----------
        n, z, xz, zz
            Moments of some features: folds, folds × k, folds × d × k, folds × k.
        shrinkage
            Units × penalties × 1, or units × penalties × k.

        Returns
        -------
        sse, sst : list of Tensor
            For every fold left out, penalties × k and k.
        """
        fitted = _without(z, self.left_out)
        mean = fitted / self.n
        w = self._rotated(_without(xz, self.left_out), self.mean, fitted)[:, None, :] * shrinkage
        t = torch.stack([self._rotated(xz[f], self.mean, z[f]) for f in self.left_out])
        for own, offset in zip(t, self.offsets, strict=True):
            own.addr_(offset.to(self.dtype), mean.to(self.dtype), alpha=-1)
        explained = torch.zeros(len(t), *w.shape[1:], dtype=torch.float64, device=z.device)
        for rows, upper in self.upper:
            gain = (upper @ w[rows.start :].flatten(1)).view(-1, *w[rows].shape)
            explained += gain.sub_(t[:, rows, None], alpha=2).mul_(w[rows]).sum(1)
        sst = [(zz[f] - 2 * z[f] * mean + n[f] * mean * mean).clamp(min=0) for f in self.left_out]
        return [(total + more).clamp(min=0) for total, more in zip(sst, explained, strict=True)], sst

    def probes(self, z: Tensor, xz: Tensor, shrinkage: Tensor) -> tuple[Tensor, Tensor]:
        """Return the probes of some features, units × k, and what they add to xᵀw, about the moments' origin (k).

        Parameters
        ----------
        z, xz
            Moments of the features: folds × k, folds × d × k.
        shrinkage
            Units × k.
        """
        fitted = _without(z, self.left_out)
        w = self._rotated(_without(xz, self.left_out), self.mean, fitted) * shrinkage
        return self.rotation.T @ w, fitted / self.n - self.mean.to(self.dtype) @ w

    def _rotated(self, xz: Tensor, x: Tensor, z: Tensor) -> Tensor:
        """Return Vᵀ(XᵀZ − μ Σz): products with features in the basis V, about the fitted mean of X."""
        return (self.rotation @ xz).addr_(x.to(self.dtype), z.to(self.dtype), alpha=-1)


def fold_of(images: int, folds: int, seed: int, shard: str) -> np.ndarray:
    """Deal a shard's images into folds of equal size at random; return the fold of every image."""
    rng = np.random.default_rng([seed, *shard.encode()])
    return rng.permutation(np.arange(images) % folds)


def accumulate(
    activation_shards: Sequence[str | Path],
    code_shards: Sequence[str | Path],
    layer: str,
    folds: int,
    seed: int,
    features: slice | np.ndarray = slice(None),
) -> Moments:
    """Return the moments of every fold, from one pass over the shards of a layer and of the codes.

    The next images are read while the moments of these are computed.

    Raises
    ------
    StrataError
        If a shard is damaged, of another layer, or of other images than the codes.
    """
    device = models.device()
    total: Moments | None = None
    for block in _read_ahead(in_blocks(activation_shards, code_shards, layer, folds, seed, features)):
        x, z, fold = (torch.from_numpy(part).to(device) for part in block)
        if total is None:
            total = Moments.of(x, z, fold, folds)
        else:
            total.add(x, z, fold)
    if total is None:
        raise _too_many(folds)
    check_folds(total)
    return total


def check_folds(moments: Moments) -> None:
    """Refuse folds that hold fewer than 2 images."""
    if float(moments.n.min()) < 2:
        raise _too_many(len(moments.n))


def v_information(moments: Moments, penalties: Sequence[float], block: int = _BLOCK) -> VInformation:
    """Measure the V-information of every feature by nested cross-fitting (Xu et al. 2020; linear-Gaussian family).

    For each held-out fold the penalty is chosen per feature by cross-validation among the other folds; the probe is
    then fitted to those and scored on the held-out one, in float64. A fit that leaves out the folds g and h serves
    twice: it scores g for the choice of h, and h for the choice of g. It only has to rank penalties, and does so in
    float32.

    Parameters
    ----------
    moments
        Of at least 3 folds.
    penalties
        Candidates, in units of the layer's mean variance (see `Ridge`).
    block
        Features that are treated at a time.
    """
    m = moments.centred()
    folds, k, device = len(m.n), m.z.shape[1], m.z.device
    candidates = torch.tensor(penalties, dtype=torch.float64, device=device)
    inner_fits = [Ridge(m, pair, torch.float32) for pair in combinations(range(folds), 2)]
    outer_fits = [Ridge(m, (fold,), torch.float64) for fold in range(folds)]
    shrinkages = [fit.shrinkage(candidates[:, None]) for fit in inner_fits]
    sse, sst, penalty = (torch.empty(folds, k, dtype=torch.float64, device=device) for _ in range(3))
    for start in range(0, k, block):
        own = slice(start, start + block)
        z, xz, zz = m.z[:, own], m.xz[:, :, own], m.zz[:, own]
        inner = torch.zeros(folds, len(candidates), z.shape[1], dtype=torch.float64, device=device)
        narrow = xz.float()
        for fit, shrinkage in zip(inner_fits, shrinkages, strict=True):
            g, h = fit.left_out
            (on_g, on_h), _ = fit.errors(m.n, z, narrow, zz, shrinkage)
            inner[h] += on_g
            inner[g] += on_h
        penalty[:, own] = candidates[inner.argmin(1)]
        for fit in outer_fits:
            (fold,) = fit.left_out
            ([error], [sst[fold, own]]) = fit.errors(m.n, z, xz, zz, fit.shrinkage(penalty[fold, own][None]))
            sse[fold, own] = error[0]
    value = 1 - sse.sum(0) / sst.sum(0)
    return VInformation(torch.where(is_constant(moments), torch.nan, value), sse, sst, penalty)


def is_constant(moments: Moments) -> Tensor:
    """Tell which features have a code that does not vary beyond rounding (K)."""
    n = moments.n.sum()
    shift = moments.z.sum(0) / n
    mean = moments.origin_z + shift
    variance = moments.zz.sum(0) / n - shift.square()
    return variance <= 1e-12 * (variance + mean.square())


def linear_cka(moments: Moments) -> Tensor:
    """Return the linear CKA of every single feature with the layer (K), NaN for constant codes (Kornblith 2019).

    ‖Xᵀz‖² / (‖XᵀX‖_F · zᵀz), everything centred.
    """
    n, x, z = moments.n.sum(), moments.x.sum(0), moments.z.sum(0)
    xx = moments.xx.sum(0) - torch.outer(x, x) / n
    xz = moments.xz.sum(0) - torch.outer(x, z) / n
    size = xx.norm() * (moments.zz.sum(0) - z.square() / n)
    cka = torch.where(size > 0, xz.square().sum(0) / size, 0.0).clamp(max=1)  # 1 but for rounding
    return torch.where(is_constant(moments), torch.nan, cka)


def probe_layers(
    layers: dict[str, list[str]],
    code_shards: Sequence[str],
    folds: int,
    penalties: Sequence[float],
    seed: int,
    memory_mb: int,
    output: str | Path,
) -> None:
    """Probe all features in some layers of a checkpoint, and write the results.

    Parameters
    ----------
    layers
        Layer to its activation shards, in the order of `code_shards`.
    memory_mb
        Memory for moments; where they do not fit for all features at once, some features are probed at a time.
    output
        Shard with, for every layer, `<layer>/vinfo`, `<layer>/cka` (K), `<layer>/sse`, `<layer>/sst` and
        `<layer>/penalty` (folds × K).
    """

    def measure(layer: str, shards: Sequence[str]) -> dict[str, Tensor]:
        parts = []
        for features in feature_blocks(shards[0], code_shards[0], folds, memory_mb):
            moments = accumulate(shards, code_shards, layer, folds, seed, features)
            parts.append({**v_information(moments, penalties).arrays(), "cka": linear_cka(moments)})
        return {name: torch.cat([part[name] for part in parts], -1) for name in parts[0]}

    write_layers(layers, code_shards, measure, output, family="linear", penalties=list(penalties))


def write_layers(
    layers: dict[str, list[str]],
    code_shards: Sequence[str],
    measure: Callable[[str, Sequence[str]], dict[str, Tensor]],
    output: str | Path,
    **family: object,
) -> None:
    """Measure all features in some layers with one family of probes, and write a shard of results.

    Parameters
    ----------
    measure
        Takes a layer and its activation shards; returns its datasets: `vinfo`, `cka` (K), `sse`, `sst` (folds × K) …
    **family
        What tells the family: attributes of the shard.
    """
    arrays = {}
    about = {"features": _made_by(code_shards, "features")}
    about["checkpoint"] = _made_by([shard for shards in layers.values() for shard in shards], "checkpoint")
    for layer, shards in progress(layers.items(), "probing layers", total=len(layers)):
        for name, values in measure(layer, shards).items():
            arrays[f"{layer}/{name}"] = values.cpu().numpy()
    store.write(output, arrays, kind="vinfo", layers=list(layers), **about, **family)


def _too_many(folds: int) -> StrataError:
    return StrataError(f"config key probes.folds: {folds} folds leave fewer than 2 images a fold")


def _made_by(shards: Sequence[str], what: str) -> str:
    """Return the checkpoint or features that all shards come from."""
    with store.Shard(shards[0]) as first:
        expected = first.attributes[what]
    for path in shards[1:]:
        with store.Shard(path, **{what: expected}):
            pass
    return expected


def _middle(values: Tensor) -> Tensor:
    """Return a rough mean of the rows that float32 can hold exactly."""
    return values[:256].mean(0).float().double() if len(values) else values.new_zeros(values.shape[1]).double()


def _without(sums: Tensor, folds: tuple[int, ...]) -> Tensor:
    """Add up the folds that are not left out."""
    return reduce(torch.add, (own for fold, own in enumerate(sums) if fold not in folds))


def feature_blocks(activation_shard: str, code_shard: str, folds: int, memory_mb: int) -> list[slice]:
    """Return blocks of features whose moments, with a working copy, fit the memory.

    Raises
    ------
    StrataError
        If not even one feature's do.
    """
    with store.Shard(activation_shard) as shard:
        units = shard.shape("activations")[1]
    with store.Shard(code_shard) as shard:
        features = shard.shape("codes")[1]
    fits = folds * (folds + 1) // 2
    fixed = (3 * folds + 3 * fits) * units**2 * 8
    block = int((memory_mb * 2**20 - fixed) / (3 * folds * units * 8))
    if block < 1:
        raise StrataError(
            f"config key probes.memory_mb: {memory_mb} is too little for {units} units; at least {fixed // 2**20 + 16}"
        )
    return [slice(start, min(start + block, features)) for start in range(0, features, block)]


def in_blocks(
    activation_shards: Sequence[str | Path],
    code_shards: Sequence[str | Path],
    layer: str,
    folds: int,
    seed: int,
    features: slice | np.ndarray = slice(None),
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield activations, codes and folds of some images at a time."""
    for activation_shard, code_shard in zip(activation_shards, code_shards, strict=True):
        with store.Shard(code_shard, kind="codes") as codes:
            images = codes.attributes["images"]
            with store.Shard(activation_shard, kind="activations", layer=layer, images=images) as activations:
                count = codes.shape("codes")[0]
                fold = fold_of(count, folds, seed, images)
                for start in range(0, count, _ROWS):
                    rows = slice(start, start + _ROWS)
                    yield activations.read("activations", rows), codes.read("codes", rows)[:, features], fold[rows]


def _read_ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield items while a thread fetches the next one."""
    end = object()
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = reader.submit(next, items, end)
            yield item  # type: ignore[misc]
