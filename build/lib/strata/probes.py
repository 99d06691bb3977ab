"""Probes: V-information and linear CKA of every feature in a layer, from moments.

One pass over the images gives, per fold, the sums of a layer's activations x (d units), of the codes z (K features) and
of their products. A ridge probe for every feature and penalty, its error on a held-out fold, and linear CKA follow from
these sums alone, in memory O(d² + d K), whatever the number of images.

Notation: X, activations (images × units); Z, codes (images × features); W, probes (units × features).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from strata import models, store
from strata.errors import StrataError
from strata.progress import progress


@dataclass
class Moments:
    """Sums over images, float64.

    Attributes
    ----------
    n : Tensor
        Number of images, a scalar.
    x, z : Tensor
        Σx (d), Σz (K).
    xx, xz, zz : Tensor
        Σxxᵀ (d × d), Σxzᵀ (d × K), Σz² (K).
    """

    n: Tensor
    x: Tensor
    z: Tensor
    xx: Tensor
    xz: Tensor
    zz: Tensor

    @staticmethod
    def of(x: Tensor, z: Tensor) -> "Moments":
        """Return the moments of some images: x (images × units), z (images × features)."""
        x, z = x.double(), z.double()
        n = torch.tensor(float(len(x)), dtype=torch.float64, device=x.device)
        return Moments(n, x.sum(0), z.sum(0), x.T @ x, x.T @ z, z.square().sum(0))

    def __add__(self, other: "Moments") -> "Moments":
        """Return the moments of both sets of images together."""
        return Moments(*(a + b for a, b in zip(self.parts(), other.parts(), strict=True)))

    def __sub__(self, other: "Moments") -> "Moments":
        """Return the moments without the images of a subset."""
        return Moments(*(a - b for a, b in zip(self.parts(), other.parts(), strict=True)))

    def parts(self) -> tuple[Tensor, ...]:
        """Return n, x, z, xx, xz, zz."""
        return self.n, self.x, self.z, self.xx, self.xz, self.zz

    def centred(self, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return Σ(x−μ)(x−μ)ᵀ, Σ(x−μ)(z−ν)ᵀ, Σ(z−ν)² about the means μ = x, ν = z."""
        xx = self.xx - torch.outer(self.x, x) - torch.outer(x, self.x - self.n * x)
        xz = self.xz - torch.outer(self.x, z) - torch.outer(x, self.z - self.n * z)
        zz = self.zz - 2 * self.z * z + self.n * z * z
        return xx, xz, zz.clamp(min=0)


@dataclass
class VInformation:
    """V-information of every feature in a layer.

    Attributes
    ----------
    value : Tensor
        1 − ΣSSE/ΣSST over the held-out folds (K); NaN marks a feature whose code is constant.
    sse, sst : Tensor
        Squared errors of probe and mean on each held-out fold (folds × K).
    penalty : Tensor
        The penalty chosen for each held-out fold (folds × K).
    """

    value: Tensor
    sse: Tensor
    sst: Tensor
    penalty: Tensor


class Ridge:
    """All ridge probes of all features, from the moments of the images that they are fitted to.

    With the centred Gram matrix XᵀX = V diag(s) Vᵀ, the probes for penalty α are W = V diag(1/(s + α)) VᵀXᵀZ. A
    penalty p of the configuration means α = p · tr(XᵀX)/d, so that it is in units of the layer's mean variance and
    the same p means the same shrinkage in every layer.
    """

    def __init__(self, fit: Moments) -> None:
        self.x, self.z = fit.x / fit.n, fit.z / fit.n
        xx, xz, _ = fit.centred(self.x, self.z)
        s, self.v = torch.linalg.eigh(xx)
        self.s = s.clamp(min=0)
        self.unit = self.s.mean()
        self.c = self.v.T @ xz

    def rotated(self, penalty: Tensor) -> Tensor:
        """Return VᵀW (units × features) for one penalty, or for one per feature."""
        spread = self.s[:, None] + penalty * self.unit
        return torch.where(spread > 0, self.c / spread.clamp(min=torch.finfo(spread.dtype).tiny), 0.0)

    def errors(self, held_out: Moments, penalties: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return squared errors of the probes (penalties × K) and of the fitted mean (K) on held-out images.

        Σ(z − Wᵀx)² = Σz² − 2 wᵀXᵀz + wᵀXᵀXw for every feature, centred about the means of the fitted images.
        """
        xx, xz, zz = held_out.centred(self.x, self.z)
        b, t = self.v.T @ xx @ self.v, self.v.T @ xz
        sse = []
        for penalty in penalties:
            w = self.rotated(penalty)
            sse.append((zz + (w * (b @ w - 2 * t)).sum(0)).clamp(min=0))
        return torch.stack(sse), zz


def fold_of(images: int, folds: int, seed: int, shard: str) -> np.ndarray:
    """Deal a shard's images into folds of equal size at random; return the fold of every image."""
    rng = np.random.default_rng([seed, *shard.encode()])
    return rng.permutation(np.arange(images) % folds)


def accumulate(
    activation_shards: Iterable[str | Path],
    code_shards: Iterable[str | Path],
    layer: str,
    folds: int,
    seed: int,
) -> list[Moments]:
    """Return the moments of every fold, from one pass over the shards of a layer and of the codes.

    Raises
    ------
    StrataError
        If a shard is damaged, of another layer, or of other images than the codes.
    """
    device = models.device()
    moments: list[Moments] = []
    for activation_shard, code_shard in zip(activation_shards, code_shards, strict=True):
        with store.Shard(code_shard, kind="codes") as shard:
            z, images = shard.read("codes"), shard.attributes["images"]
        with store.Shard(activation_shard, kind="activations", layer=layer, images=images) as shard:
            x = shard.read("activations")
        fold = fold_of(len(x), folds, seed, images)
        new = [
            Moments.of(torch.from_numpy(x[fold == f]).to(device), torch.from_numpy(z[fold == f]).to(device))
            for f in range(folds)
        ]
        moments = [a + b for a, b in zip(moments, new, strict=True)] if moments else new
    if min(float(m.n) for m in moments) < 2:
        raise StrataError(f"config key probes.folds: {folds} folds leave fewer than 2 images a fold")
    return moments


def v_information(folds: Sequence[Moments], penalties: Sequence[float]) -> VInformation:
    """Measure the V-information of every feature by nested cross-fitting (Xu et al. 2020; linear-Gaussian family).

    For each held-out fold the penalty is chosen per feature by cross-validation among the other folds; the probe is
    then fitted to those and scored on the held-out one. A fit that leaves out the folds g and h serves twice: it
    scores g for the choice of h, and h for the choice of g.

    Parameters
    ----------
    folds
        Moments of at least 3 folds.
    penalties
        Candidates, in units of the layer's mean variance (see `Ridge`).
    """
    total = sum(folds[1:], start=folds[0])
    device = total.xx.device
    candidates = torch.tensor(penalties, dtype=torch.float64, device=device)
    inner = torch.zeros(len(folds), len(penalties), len(total.z), dtype=torch.float64, device=device)
    for g, h in combinations(range(len(folds)), 2):
        fit = Ridge(total - folds[g] - folds[h])
        inner[h] += fit.errors(folds[g], list(candidates))[0]
        inner[g] += fit.errors(folds[h], list(candidates))[0]
    penalty = candidates[inner.argmin(1)]
    sse, sst = [], []
    for h, held_out in enumerate(folds):
        errors, zero = Ridge(total - held_out).errors(held_out, [penalty[h]])
        sse.append(errors[0])
        sst.append(zero)
    value = 1 - sum(sse) / sum(sst)
    return VInformation(
        torch.where(is_constant(total), torch.nan, value),
        torch.stack(sse),
        torch.stack(sst),
        penalty,
    )


def is_constant(total: Moments) -> Tensor:
    """Tell which features have a code that does not vary beyond rounding (K)."""
    variance = total.zz / total.n - (total.z / total.n).square()
    return variance <= 1e-12 * total.zz / total.n


def linear_cka(total: Moments) -> Tensor:
    """Return the linear CKA of every single feature with the layer (K), NaN for constant codes (Kornblith 2019).

    ‖Xᵀz‖² / (‖XᵀX‖_F · zᵀz), everything centred.
    """
    xx, xz, zz = total.centred(total.x / total.n, total.z / total.n)
    size = xx.norm() * zz
    cka = xz.square().sum(0) / size.clamp(min=torch.finfo(size.dtype).tiny)
    return torch.where(is_constant(total), torch.nan, cka)


def probe_layers(
    layers: dict[str, list[str]],
    code_shards: Sequence[str],
    folds: int,
    penalties: Sequence[float],
    seed: int,
    output: str | Path,
) -> None:
    """Probe all features in some layers of a checkpoint, and write the results.

    Parameters
    ----------
    layers
        Layer to its activation shards, in the order of `code_shards`.
    output
        Shard with, for every layer, `<layer>/vinfo`, `<layer>/cka` (K), `<layer>/sse`, `<layer>/sst` and
        `<layer>/penalty` (folds × K).
    """
    arrays = {}
    for layer, shards in progress(layers.items(), "probing layers", total=len(layers)):
        moments = accumulate(shards, code_shards, layer, folds, seed)
        found = v_information(moments, penalties)
        cka = linear_cka(sum(moments[1:], start=moments[0]))
        for name, values in (
            ("vinfo", found.value),
            ("sse", found.sse),
            ("sst", found.sst),
            ("penalty", found.penalty),
            ("cka", cka),
        ):
            arrays[f"{layer}/{name}"] = values.cpu().numpy()
    store.write(output, arrays, kind="vinfo", layers=list(layers), penalties=list(penalties))
