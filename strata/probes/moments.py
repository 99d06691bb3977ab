"""Moments: the sums over images from which every linear probe and CKA follow.

One pass over the images gives, per fold, the sums of a layer's activations x (d units), of the codes z (K features) and
of their products, in memory O(d² + d K), whatever the number of images.

Notation: X, activations (images × units); Z, codes (images × features).
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Integer
from torch import Tensor

from strata import store
from strata.device import compute_device
from strata.errors import StrataError
from strata.probes.memory import check_memory

_ROWS = 4096  # images that are read and multiplied at a time
_CACHED_ROWS = 1024  # images of a fold that are multiplied at a time: they stay in the processor's cache
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

    origin_x: Float64[Tensor, " units"]
    origin_z: Float64[Tensor, " features"]
    n: Float64[Tensor, " folds"]
    x: Float64[Tensor, "folds units"]
    z: Float64[Tensor, "folds features"]
    xx: Float64[Tensor, "folds units units"]
    xz: Float64[Tensor, "folds units features"]
    zz: Float64[Tensor, "folds features"]

    @staticmethod
    def empty(origin_x: Float64[Tensor, " units"], origin_z: Float64[Tensor, " features"], *, folds: int) -> "Moments":
        """Return the moments of no images about an origin, to which images are added.

        Parameters
        ----------
        origin_x, origin_z
            What is subtracted from x (d) and z (K).
        folds
            How many.
        """
        d, k = len(origin_x), len(origin_z)
        sizes = ((folds,), (folds, d), (folds, k), (folds, d, d), (folds, d, k), (folds, k))
        return Moments(origin_x, origin_z, *(origin_x.new_zeros(size) for size in sizes))

    @staticmethod
    def of(
        x: Float[Tensor, "images units"],
        z: Float[Tensor, "images features"],
        *,
        fold: Integer[Tensor, " images"],
        folds: int,
    ) -> "Moments":
        """Return the moments of some images about roughly their mean (see `add`).

        Parameters
        ----------
        x, z
            Images × units, images × features.
        fold
            The fold of every image.
        folds
            How many.
        """
        moments = Moments.empty(_middle(x), _middle(z), folds=folds)
        moments.add(x, z, fold=fold)
        return moments

    def add(
        self,
        x: Float[Tensor, "images units"],
        z: Float[Tensor, "images features"],
        *,
        fold: Integer[Tensor, " images"],
    ) -> None:
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

    def about(self, origin_x: Float64[Tensor, " units"], origin_z: Float64[Tensor, " features"]) -> "Moments":
        """Return the same moments about another origin.

        Parameters
        ----------
        origin_x, origin_z
            What is then subtracted from x (d) and z (K).
        """
        a, b = self.origin_x - origin_x, self.origin_z - origin_z
        n, x, z = self.n[:, None], self.x + self.n[:, None] * a, self.z + self.n[:, None] * b
        xx, xz = self.xx.clone(), self.xz.clone()
        for f in range(len(self.n)):  # a fold at a time, or the products would hold as much as the moments once more
            xx[f] += torch.outer(self.x[f], a)
            xx[f] += torch.outer(a, x[f])
            xz[f] += torch.outer(self.x[f], b)
            xz[f] += torch.outer(a, z[f])
        return Moments(origin_x, origin_z, self.n, x, z, xx, xz, self.zz + 2 * b * self.z + n * b * b)

    def __add__(self, other: "Moments") -> "Moments":
        """Return the moments of both sets of images together."""
        same = torch.equal(self.origin_x, other.origin_x) and torch.equal(self.origin_z, other.origin_z)
        other = other if same else other.about(self.origin_x, self.origin_z)
        return replace(
            self, **{name: getattr(self, name) + getattr(other, name) for name in ("n", "x", "z", "xx", "xz", "zz")}
        )

    def save(self, output: str | Path, **about: object) -> None:
        """Write a shard of moments, for another job to add to its own; `about` says what they are of.

        Parameters
        ----------
        output
            The shard that is written.
        **about
            Its attributes; anything that JSON can hold.
        """
        store.write(output, {name: value.cpu().numpy() for name, value in vars(self).items()}, kind="moments", **about)

    @staticmethod
    def load(path: str | Path, **expected: object) -> "Moments":
        """Read moments that `save` wrote.

        Parameters
        ----------
        path
            The file.
        **expected
            Attributes that it must have, with their values.

        Raises
        ------
        StrataError
            If the shard is damaged, or of something else than expected.
        """
        arrays, _ = store.read(path, kind="moments", **expected)
        return Moments(**{name: torch.from_numpy(value).to(compute_device()) for name, value in arrays.items()})

    def of_units(self, units: Integer[Tensor, " some"]) -> "Moments":
        """Return the moments of some units of the layer alone, by their indices."""
        some = {"origin_x": self.origin_x[units], "x": self.x[:, units], "xz": self.xz[:, units]}
        return replace(self, xx=self.xx[:, units][:, :, units], **some)

    def centred(self) -> "Moments":
        """Return the moments about the mean of all images."""
        n = self.n.sum()
        return self.about(self.origin_x + self.x.sum(0) / n, self.origin_z + self.z.sum(0) / n)


def fold_of(images: int, folds: int, *, seed: int, shard: str) -> Integer[np.ndarray, " {images}"]:
    """Deal a shard's images into folds of equal size at random; return the fold of every image.

    Parameters
    ----------
    images
        How many the shard has.
    folds
        How many.
    seed
        Of the dealing.
    shard
        What tells it from others: the digest of its images.
    """
    rng = np.random.default_rng([seed, *shard.encode()])
    return rng.permutation(np.arange(images) % folds)


def accumulate(
    activation_shards: Sequence[str | Path],
    code_shards: Sequence[str | Path],
    *,
    layer: str,
    folds: int,
    seed: int,
    chosen: slice | np.ndarray = slice(None),
    studied: str = "all",
) -> Moments:
    """Return the moments of every fold, from one pass over the shards of a layer and of the codes.

    The next images are read while the moments of these are computed.

    Parameters
    ----------
    activation_shards, code_shards
        Of the same images, in the same order.
    layer
        That the activations are of.
    folds, seed
        How many, and the seed of the dealing (see `fold_of`).
    chosen
        The features that are looked at; all, unless said otherwise.
    studied
        all images, or test: those alone that training never saw.

    Raises
    ------
    StrataError
        If a shard is damaged, of another layer, or of other images than the codes; if folds are too small.
    """
    blocks = in_blocks(
        activation_shards, code_shards, layer=layer, folds=folds, seed=seed, chosen=chosen, studied=studied
    )
    return summed(blocks, folds=folds, studied=studied)


def summed(blocks: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]], *, folds: int, studied: str = "all") -> Moments:
    """Return the moments of every fold of the images that `in_blocks` yields.

    Parameters
    ----------
    blocks
        Activations, codes and folds of some images at a time.
    folds
        How many.
    studied
        Of which images they are, all or test.

    Raises
    ------
    StrataError
        If folds are too small.
    """
    device = compute_device()
    total: Moments | None = None
    for block in _read_ahead(iter(blocks)):
        x, z, fold = (torch.from_numpy(part).to(device) for part in block)
        if total is None:
            total = Moments.of(x, z, fold=fold, folds=folds)
        else:
            total.add(x, z, fold=fold)
    if total is None:
        raise _too_many(folds, studied)
    check_folds(total, studied)
    return total


def check_folds(moments: Moments, studied: str = "all") -> None:
    """Refuse folds that hold fewer than 2 images.

    Parameters
    ----------
    moments
        Of the folds.
    studied
        Of which images they are, all or test.
    """
    if float(moments.n.min()) < 2:
        raise _too_many(len(moments.n), studied)


def is_constant(moments: Moments) -> Bool[Tensor, " features"]:
    """Tell which features have a code that does not vary beyond rounding (K)."""
    n = moments.n.sum()
    shift = moments.z.sum(0) / n
    mean = moments.origin_z + shift
    variance = moments.zz.sum(0) / n - shift.square()
    return variance <= 1e-12 * (variance + mean.square())


def least_memory(units: int, *, folds: int) -> int:
    """Return the bytes that moments take whatever the number of features, with a working copy.

    Parameters
    ----------
    units
        Of the layer.
    folds
        How many.
    """
    fits = folds * (folds + 1) // 2
    return (3 * folds + 3 * fits) * units**2 * 8


def feature_blocks(
    activation_shard: str | Path, code_shard: str | Path, *, folds: int, memory_mb: int | float, held: int = 0
) -> list[slice]:
    """Return blocks of features whose moments, with a working copy, fit the memory.

    Parameters
    ----------
    activation_shard, code_shard
        One of each, which tell the numbers of units and of features.
    folds
        How many.
    memory_mb
        Memory for moments.
    held
        Bytes of it that something else takes.

    Raises
    ------
    StrataError
        If not even one feature's do.
    """
    with store.Shard(activation_shard) as shard:
        units = shard.shape("activations")[1]
    with store.Shard(code_shard) as shard:
        features = shard.shape("codes")[1]
    fixed = least_memory(units, folds=folds) + held
    block = int((memory_mb * 2**20 - fixed) / (3 * folds * units * 8))
    if block < 1:
        check_memory(fixed + 2**24, memory_mb=memory_mb, layer=f"{units} units, {features:,} features")
    return [slice(start, min(start + block, features)) for start in range(0, features, block)]


def in_blocks(
    activation_shards: Sequence[str | Path],
    code_shards: Sequence[str | Path],
    *,
    layer: str,
    folds: int,
    seed: int,
    chosen: slice | np.ndarray = slice(None),
    studied: str = "all",
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield activations, codes and folds of some images at a time; the fold of an image that is not studied is −1.

    Parameters
    ----------
    activation_shards, code_shards
        Of the same images, in the same order.
    layer
        That the activations are of.
    folds, seed
        How many, and the seed of the dealing (see `fold_of`).
    chosen
        The features that are looked at; all, unless said otherwise.
    studied
        all images, or test: those alone that training never saw.
    """
    for activation_shard, code_shard in zip(activation_shards, code_shards, strict=True):
        with store.Shard(code_shard, kind="codes") as codes:
            images = codes.attributes["images"]
            with store.Shard(activation_shard, kind="activations", layer=layer, images=images) as activations:
                count = codes.shape("codes")[0]
                wanted = np.ones(count, bool) if studied == "all" else ~activations.read("train")
                fold = np.full(count, -1)
                fold[wanted] = fold_of(int(wanted.sum()), folds, seed=seed, shard=images)
                for start in range(0, count, _ROWS):
                    rows = slice(start, start + _ROWS)
                    yield activations.read("activations", rows), codes.read("codes", rows)[:, chosen], fold[rows]


def _read_ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield items while a thread fetches the next one."""
    end = object()
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = reader.submit(next, items, end)
            yield item  # type: ignore[misc]


def _middle(values: Tensor) -> Tensor:
    """Return a rough mean of the rows that float32 can hold exactly."""
    return values[:256].mean(0).float().double() if len(values) else values.new_zeros(values.shape[1]).double()


def _too_many(folds: int, studied: str) -> StrataError:
    whose = "" if studied == "all" else f", because questions.images is {studied}: those that training never saw alone"
    return StrataError(f"config key probes.folds: {folds} folds leave fewer than 2 images a fold{whose}")
