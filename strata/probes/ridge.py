"""Ridge probes, the linear-Gaussian family: V-information of every feature in a layer, from moments.

Notation: X, activations (images × units); Z, codes (images × features); W, probes (units × features).
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import combinations
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from strata.probes.cka import linear_cka
from strata.probes.moments import Moments, accumulate, feature_blocks, is_constant
from strata.probes.moments import least_memory as least_of_moments
from strata.probes.vinformation import VInformation

_SPREAD = 1e3  # of the units' standard deviations, largest to smallest: beyond it, units are standardised
_ROWS_OF_GRAM = 64
_BLOCK = 256  # features that are treated at a time: their working arrays stay in the processor's cache


class Ridge:
    """Ridge probes fitted to all folds but one or two, and their errors on those: what of it all features share.

    With the Gram matrix XᵀX = V diag(s) Vᵀ about the mean of the fitted images, the probes for penalty α are
    W = V diag(1/(s + α)) VᵀXᵀZ. A penalty p of the configuration means α = p · tr(XᵀX)/d: it is in units of the
    layer's mean variance, and the same p means the same shrinkage in every layer.

    One penalty for all units would silence those that are small beside others. Where the standard deviations of the
    units, those of all images, spread by more than a factor of 1000, every unit is therefore divided by that of the
    fitted images (and left out where it does not vary in them); elsewhere units are as they are. Units that do not
    vary, beyond rounding, do not count. The rule looks at X alone. What this returns is for units as they are.

    Parameters
    ----------
    moments
        Of all folds.
    left_out
        Folds that are not fitted.
    dtype
        Of the products with features, which are nearly all of the work.
    """

    def __init__(self, moments: Moments, left_out: tuple[int, ...], *, dtype: torch.dtype) -> None:
        self.left_out, self.dtype = left_out, dtype
        self.n = without(moments.n, left_out)
        mean = without(moments.x, left_out) / self.n
        gram = without(moments.xx, left_out) - self.n * torch.outer(mean, mean)
        scale = _scale(moments, gram.diagonal() / self.n, moments.origin_x + mean)
        s, v = torch.linalg.eigh(gram * scale * scale[:, None])
        # Directions in which the fitted images do not vary, beyond rounding, hold nothing of z.
        rounding = torch.finfo(s.dtype).eps * (len(s) * s[-1] + self.n * (moments.origin_x * scale).square().sum())
        self.s = torch.where(s > rounding, s, 0.0)
        rotation = v.T * scale  # of units as they are
        self.rotation, self.mean, self.mean_x = rotation.to(dtype), rotation @ mean, mean
        self.offsets = [rotation @ moments.x[f] - moments.n[f] * self.mean for f in left_out]
        grams = [
            moments.xx[f] - torch.outer(moments.x[f], mean) - torch.outer(mean, moments.x[f] - moments.n[f] * mean)
            for f in left_out
        ]
        both = torch.stack([rotation @ gram @ rotation.T for gram in grams]).to(dtype)
        # wᵀGw is the sum over blocks of rows of w_Iᵀ(G_II w_I + 2 G_IJ w_J) with J after I: nearly half the products.
        self.upper = []
        for start in range(0, len(s), _ROWS_OF_GRAM):
            rows = slice(start, min(start + _ROWS_OF_GRAM, len(s)))
            upper = both[:, rows, start:].clone()
            upper[:, :, rows.stop - start :] *= 2
            self.upper.append((rows, upper.flatten(0, 1)))

    def shrinkage(self, penalties: Float[Tensor, "..."]) -> Float[Tensor, "units ..."]:
        """Return 1/(s + α), units × the shape of `penalties`; 0 in directions that neither has."""
        spread = self.s.view(-1, *(1 for _ in penalties.shape)) + penalties * self.s.mean()
        varies = (self.s > 0).view(-1, *(1 for _ in penalties.shape))
        return torch.where(varies, 1 / spread, 0.0).to(self.dtype)

    def by_generalised_cv(
        self, moments: Moments, penalties: Sequence[float]
    ) -> tuple[Float[Tensor, "units features"], Float[Tensor, " units"], Float[Tensor, " features"]]:
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
        z = without(moments.z, self.left_out)
        mean = z / self.n
        t = self.rotated(without(moments.xz, self.left_out), z)
        candidates = torch.tensor(penalties, dtype=torch.float64, device=z.device)
        shrinkage = self.shrinkage(candidates)
        kept = self.s[:, None] * shrinkage
        rss = without(moments.zz, self.left_out) - z * mean - ((2 - kept) * shrinkage).T @ t.square()
        spare = 1 - (1 + kept.sum(0))[:, None] / self.n
        # A probe that runs through all images leaves nothing but rounding to judge it by.
        scores = torch.where(spare > 1e-3, rss / spare.square(), torch.inf)
        weights = t.mul_(shrinkage[:, scores.argmin(0)])
        return self.rotation.T @ weights, self.mean_x, mean

    def errors(
        self,
        n: Float[Tensor, " folds"],
        z: Float[Tensor, "folds features"],
        *,
        xz: Float[Tensor, "folds units features"],
        zz: Float[Tensor, "folds features"],
        shrinkage: Float[Tensor, "units penalties one_or_features"],
    ) -> tuple[list[Float[Tensor, "penalties features"]], list[Float[Tensor, " features"]]]:
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
        fitted = without(z, self.left_out)
        mean = fitted / self.n
        w = self.rotated(without(xz, self.left_out), fitted)[:, None, :] * shrinkage
        t = torch.stack([self.rotated(xz[f], z[f]) for f in self.left_out])
        for own, offset in zip(t, self.offsets, strict=True):
            own.addr_(offset.to(self.dtype), mean.to(self.dtype), alpha=-1)
        explained = self.explained(w, t)
        sst = [(zz[f] - 2 * z[f] * mean + n[f] * mean * mean).clamp(min=0) for f in self.left_out]
        return [(total + more).clamp(min=0) for total, more in zip(sst, explained, strict=True)], sst

    def explained(
        self, w: Float[Tensor, "units penalties features"], t: Float[Tensor, "folds units features"]
    ) -> Float[Tensor, "folds penalties features"]:
        """Return wᵀGw − 2 wᵀt for every probe on every fold left out, G = XᵀX about the mean of the fitted images.

        Parameters
        ----------
        w
            Probes in the basis V, units × penalties × features.
        t
            For every fold left out, what stands for Xᵀz, in the same basis.
        """
        total = torch.zeros(len(t), *w.shape[1:], dtype=torch.float64, device=w.device)
        for rows, upper in self.upper:
            gain = (upper @ w[rows.start :].flatten(1)).view(-1, *w[rows].shape)
            total += gain.sub_(t[:, rows, None], alpha=2).mul_(w[rows]).sum(1)
        return total

    def probes(
        self,
        z: Float[Tensor, "folds features"],
        xz: Float[Tensor, "folds units features"],
        *,
        shrinkage: Float[Tensor, "units features"],
    ) -> tuple[Float[Tensor, "units features"], Float[Tensor, " features"]]:
        """Return the probes of some features, units × k, and what they add to xᵀw, about the moments' origin (k).

        Parameters
        ----------
        z, xz
            Moments of the features: folds × k, folds × d × k.
        shrinkage
            Units × k.
        """
        fitted = without(z, self.left_out)
        w = self.rotated(without(xz, self.left_out), fitted) * shrinkage
        return self.rotation.T @ w, fitted / self.n - self.mean.to(self.dtype) @ w

    def rotated(
        self, xz: Float[Tensor, "units features"], z: Float[Tensor, " features"]
    ) -> Float[Tensor, "units features"]:
        """Return Vᵀ(XᵀZ − μ Σz): products with features in the basis V, about the fitted mean of X.

        Parameters
        ----------
        xz, z
            XᵀZ (d × k), Σz (k), of any images.
        """
        return (self.rotation @ xz).addr_(self.mean.to(self.dtype), z.to(self.dtype), alpha=-1)


def v_information(moments: Moments, penalties: Sequence[float], *, block: int = _BLOCK) -> VInformation:
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
    inner_fits = [Ridge(m, pair, dtype=torch.float32) for pair in combinations(range(folds), 2)]
    outer_fits = [Ridge(m, (fold,), dtype=torch.float64) for fold in range(folds)]
    shrinkages = [fit.shrinkage(candidates[:, None]) for fit in inner_fits]
    sse, sst, penalty = (torch.empty(folds, k, dtype=torch.float64, device=device) for _ in range(3))
    for start in range(0, k, block):
        own = slice(start, start + block)
        z, xz, zz = m.z[:, own], m.xz[:, :, own], m.zz[:, own]
        inner = torch.zeros(folds, len(candidates), z.shape[1], dtype=torch.float64, device=device)
        narrow = xz.float()
        for fit, shrinkage in zip(inner_fits, shrinkages, strict=True):
            g, h = fit.left_out
            (on_g, on_h), _ = fit.errors(m.n, z, xz=narrow, zz=zz, shrinkage=shrinkage)
            inner[h] += on_g
            inner[g] += on_h
        penalty[:, own] = candidates[inner.argmin(1)]
        for fit in outer_fits:
            (fold,) = fit.left_out
            ([error], [sst[fold, own]]) = fit.errors(
                m.n, z, xz=xz, zz=zz, shrinkage=fit.shrinkage(penalty[fold, own][None])
            )
            sse[fold, own] = error[0]
    value = 1 - sse.sum(0) / sst.sum(0)
    return VInformation(torch.where(is_constant(moments), torch.nan, value), sse, sst, penalty)


def measure(
    activations: Sequence[str | Path],
    codes: Sequence[str | Path],
    *,
    layer: str,
    folds: int,
    seed: int,
    memory_mb: int | float,
    penalties: Sequence[float],
    studied: str = "all",
) -> dict[str, Tensor]:
    """Measure all features in a layer, in one pass over its shards.

    Parameters
    ----------
    activations, codes
        Shards, in the same order.
    layer
        That the activations are of.
    folds, seed
        Of the cross-fitting.
    memory_mb
        Memory for moments; where they do not fit for all features at once, some features are probed at a time.
    penalties
        Candidates (see `v_information`).
    studied
        all images, or test: those alone that training never saw.

    Returns
    -------
    dict
        `vinfo`, `cka` (K), `sse`, `sst` and `penalty` (folds × K).

    Raises
    ------
    StrataError
        If a shard is damaged, of another layer, or of other images than the codes; if folds are too small, or the
        memory is too little for one feature.
    """
    parts = []
    for chosen in feature_blocks(activations[0], codes[0], folds=folds, memory_mb=memory_mb):
        moments = accumulate(activations, codes, layer=layer, folds=folds, seed=seed, chosen=chosen, studied=studied)
        parts.append({**v_information(moments, penalties).arrays(), "cka": linear_cka(moments)})
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
) -> float:
    """Return the seconds that it takes to read a layer, sum up its moments and probe it.

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
    """
    sums = 2 * images * units * units / rates["product64"] + 2 * images * units * count / rates["product32"]
    passes = images * (width * units + 4 * count) / rates["memory_bandwidth"]
    return sums + passes + fit_seconds(units, count, folds=folds, rates=rates, penalties=penalties)


def fit_seconds(
    units: int | float, count: int, *, folds: int, rates: Mapping[str, float], penalties: Sequence[float]
) -> float:
    """Return the seconds that it takes to probe some units for features from their moments (see `seconds`).

    Parameters
    ----------
    units, count
        Those that features are probed from, and all features.
    folds
        Of the cross-fitting.
    rates
        See `strata.estimate.estimate`.
    penalties
        Candidates.
    """
    inner, outer = folds * (folds - 1) // 2, folds
    wide = (inner + outer) * (12 * units**3) + outer * 6 * units * units * count
    narrow = inner * (3 + 1.1 * len(penalties)) * 2 * units * units * count  # of a symmetric form, one half
    # Products of few units with many features are bound by memory: about 40 passes over them a fit.
    passes = inner * len(penalties) * 10 * 4 * units * count
    return wide / rates["product64"] + narrow / rates["product32"] + passes / rates["memory_bandwidth"]


def least_memory(units: int, count: int, *, images: int, folds: int) -> float:
    """Return the bytes without which a layer cannot be measured: its moments, of a few features at a time.

    Parameters
    ----------
    units, count
        Of the layer, and all that are probed.
    images, folds
        Of the cross-fitting.
    """
    return least_of_moments(units, folds=folds) + 2.0**24


def memory(units: int, count: int, *, images: int, folds: int, memory_mb: int | float) -> float:
    """Return the bytes of the moments of a layer, as far as they are held at once.

    Parameters
    ----------
    units, count
        Of the layer, and all that are probed.
    images, folds
        Of the cross-fitting.
    memory_mb
        Memory for moments.
    """
    return min(memory_mb * 2.0**20, 8.0 * 3 * folds * units * (count + units))


def _scale(moments: Moments, variance: Tensor, mean: Tensor) -> Tensor:
    """Return what each unit is multiplied by: 1, but where units spread (see `Ridge`), from the fitted images."""
    n = moments.n.sum()
    shift = moments.x.sum(0) / n
    everywhere = moments.xx.diagonal(dim1=1, dim2=2).sum(0) / n - shift.square()
    varying = everywhere[_varies(everywhere, moments.origin_x + shift)]
    if not len(varying) or varying.max() <= _SPREAD**2 * varying.min():
        return torch.ones_like(variance)
    return torch.where(_varies(variance, mean), variance, torch.inf).rsqrt()


def _varies(variance: Tensor, mean: Tensor) -> Tensor:
    """Tell which units vary beyond rounding."""
    return variance > 1e-12 * (variance.clamp(min=0) + mean.square())


def without(sums: Tensor, folds: tuple[int, ...]) -> Tensor:
    """Add up the folds that are not left out.

    Parameters
    ----------
    sums
        Folds × whatever.
    folds
        Those that are.
    """
    return reduce(torch.add, (own for fold, own in enumerate(sums) if fold not in folds))
