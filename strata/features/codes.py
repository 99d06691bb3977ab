"""Codes: what each image has of each feature, by non-negative least squares against the dictionary.

Notation: A, activations (images × units); D, the dictionary (features × units); Z, codes (images × features).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from strata import store
from strata.device import compute_device, working_bytes
from strata.features.dictionary import read_dictionary
from strata.features.methods import METHODS
from strata.layers import PENULTIMATE
from strata.progress import progress

_APPROACH = 150  # steps of projected gradient that find most of the support
_ROUNDS = 10  # times that all negative entries leave at once before they leave one by one
_ENTERING = 32  # features that may enter a row's support at a time
_DEPENDENT = 1e-10  # squared distance of a row of unit norm from the span of others, at which it counts as in it


@dataclass
class Codes:
    """Non-negative codes of some images.

    Attributes
    ----------
    z : Tensor
        Images × features.
    residual : Tensor
        Relative KKT residual of every image: the largest `|min(z, ∇)|`, which is 0 just where z ≥ 0, ∇ ≥ 0 and z∇ = 0,
        as a share of the largest entry of `|a Dᵀ|`; of the problem whose dictionary has rows of unit norm.
    ambiguous : Tensor
        Whether other codes of an image are as good as this one (see `encode`).
    """

    z: Float[Tensor, "images features"]
    residual: Float[Tensor, " images"]
    ambiguous: Bool[Tensor, " images"]

    def unsolved(self, tolerance: float) -> Integer[Tensor, " some"]:
        """Return the rows whose residual is above a tolerance."""
        return torch.nonzero(self.residual > tolerance).squeeze(1)

    def tell_unsolved(self, tolerance: float) -> int:
        """Print how many rows are not solved, if any, and return their number."""
        unsolved = len(self.unsolved(tolerance))
        if unsolved:
            print(f"{unsolved} of {len(self.z)} codes did not reach codes.tolerance: {tolerance}")
        return unsolved


def encode(
    a: Float[Tensor, "images units"],
    d: Float[Tensor, "features units"],
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 200,
    start: Float[Tensor, "images features"] | None = None,
) -> Codes:
    """Solve min over z ≥ 0 of ½‖a − z D‖² for every row a of A.

    Most codes are 0, so what is sought is the support. Accelerated projected gradient finds most of it, on all rows at
    once; an active-set method then settles it exactly, on systems as small as the support.

    All of this happens with rows of D scaled to unit norm, so that their sizes do not matter; codes are in units of the
    rows as they are. A row of zeros has codes of zero.

    Where rows of D are linearly dependent, a code need not be unique: others reconstruct a, and so are as good. One of
    them is returned, and the image is counted as `ambiguous`. Such are images whose active features are dependent, or
    whose active features span another feature, which could then stand for some of them; within 1e-5 of a row's norm.

    Parameters
    ----------
    a
        Activations, images × units, float64.
    d
        Dictionary, features × units, float64.
    tolerance
        KKT residual at which a row is solved.
    max_iterations
        Times that features may enter a row's support before it counts as unsolved.
    start
        Codes to start from, for activations that are nearly these: the codes of the same images before a small change.
    """
    norms = d.norm(dim=1)
    sizes = torch.where(norms > 0, norms, 1.0)
    d = d / sizes[:, None]
    z = start * sizes if start is not None else torch.zeros(len(a), len(d), dtype=a.dtype, device=a.device)
    residual = torch.empty(len(a), dtype=a.dtype, device=a.device)
    if start is None:
        step_rows = max(1, working_bytes(d.device) // (len(d) * 4 * 6))
        for rows in torch.arange(len(a), device=a.device).split(step_rows):
            z[rows] = _approach(a[rows].float(), d.float()).to(a.dtype)
    by_support = (z > 0).sum(1).argsort()  # rows of like support waste little padding
    widest = int((z > 0).sum(1).max()) + 32
    padded = torch.nn.functional.pad(d, (0, 0, 0, 1))
    gram = padded @ padded.T
    batch = max(1, min(1024, working_bytes(d.device) // (widest**2 * 24)))
    for rows in progress(by_support.split(batch), "encoding images"):
        z[rows], residual[rows] = _settle(a[rows], d, gram, z[rows], tolerance, max_iterations)
    return Codes(z / sizes, residual, _ambiguous(a, d, gram, z))


def _approach(a: Float[Tensor, "images units"], d: Float[Tensor, "features units"]) -> Float[Tensor, "images features"]:
    """Take some steps of accelerated projected gradient, in float32; return z with negligible entries at 0.

    With a step of size s, z − s∇ = z (I − s D Dᵀ) + s A Dᵀ. A row whose step turns against its momentum loses it (Beck
    & Teboulle 2009; O'Donoghue & Candès 2015).
    """
    step = 1 / (1.01 * _largest_eigenvalue(d)).clamp(min=torch.finfo(d.dtype).tiny)
    constant, forward = step * (a @ d.T), _forward(d, step)
    z = torch.zeros_like(constant)
    ahead, momentum = z, torch.ones(len(z), 1, device=z.device)
    for _ in range(_APPROACH):
        new = forward(ahead).add_(constant).clamp_(min=0)
        change = new - z
        turned = ((ahead - new) * change).sum(1, keepdim=True) > 0
        momentum = torch.where(turned, 1.0, momentum)
        following = (1 + (1 + 4 * momentum.square()).sqrt()) / 2
        ahead = torch.addcmul(new, torch.where(turned, 0.0, (momentum - 1) / following), change)
        z, momentum = new, following
    return torch.where(z > 1e-3 * z.amax(1, keepdim=True), z, 0.0)


def _forward(d: Tensor, step: Tensor) -> Callable[[Tensor], Tensor]:
    """Return z ↦ z (I − s D Dᵀ): one product with a square matrix, or two thin ones where those are less work."""
    if len(d) > 2 * d.shape[1]:
        back = -step * d.T
        return lambda z: torch.addmm(z, z @ d, back)
    square = torch.eye(len(d), device=d.device) - step * (d @ d.T)
    return lambda z: z @ square


def _largest_eigenvalue(d: Tensor) -> Tensor:
    """Return that of D Dᵀ, which is also that of Dᵀ D."""
    return torch.linalg.eigvalsh(d @ d.T if len(d) < d.shape[1] else d.T @ d)[-1]


def _settle(
    a: Tensor, d: Tensor, gram: Tensor, start: Tensor, tolerance: float, max_iterations: int
) -> tuple[Tensor, Tensor]:
    """Settle the support of some rows with a block active-set method (after Lawson & Hanson 1974).

    Every iteration solves least squares on each row's support until it is positive, then lets the features enter whose
    gradient asks for it most. A support is a row of indices, padded with K.
    """
    n, k = start.shape
    target = torch.nn.functional.pad(a @ d.T, (0, 1))
    scale = target.abs().amax(1).clamp(min=torch.finfo(a.dtype).tiny)
    z, residual = torch.zeros_like(start), torch.full_like(scale, torch.inf)
    width = int((start > 0).sum(1).max())
    values, support = start.topk(width, dim=1)
    support = torch.where(values > 0, support, k)
    rows = torch.arange(n, device=a.device)
    for iteration in range(max_iterations + 1):
        support, values = _positive(gram, target[rows], support, values, iteration)
        dense = torch.zeros(len(rows), k + 1, dtype=a.dtype, device=a.device).scatter_(1, support, values)[:, :k]
        inside = torch.zeros(len(rows), k + 1, dtype=torch.bool, device=a.device).scatter_(1, support, True)[:, :k]
        downhill = (a[rows] - dense @ d) @ d.T
        z[rows] = dense
        residual[rows] = torch.minimum(dense, -downhill).abs().amax(1) / scale[rows]
        left = residual[rows] > tolerance
        if not left.any():
            break
        rows, support, values = rows[left], support[left], values[left]
        most, entering = downhill[left].masked_fill(inside[left], -torch.inf).topk(min(_ENTERING, k), dim=1)
        asked = (most > 0.2 * most[:, :1]) & (most > 0.5 * tolerance * scale[rows, None])
        support = torch.cat([support, torch.where(asked, entering, k)], 1)
        values = torch.nn.functional.pad(values, (0, entering.shape[1]))
    return z, residual


def _positive(gram: Tensor, target: Tensor, support: Tensor, values: Tensor, iteration: int) -> tuple[Tensor, Tensor]:
    """Solve least squares on each row's support, letting entries leave until all are positive.

    At first, all entries that come out negative leave at once, which is fast and nearly always right. To be sure to
    end, later rounds go from the last positive values only as far as the first entry reaches 0, and let that one leave.
    """
    k = len(gram) - 1
    todo = torch.arange(len(support), device=support.device)
    rounds = 0
    while len(todo) and support.shape[1]:
        own, old = support[todo], values[todo]
        padding = own == k
        small = gram.take(own[:, :, None] * (k + 1) + own[:, None, :])
        # The least addition that keeps supports with twin features solvable.
        small.diagonal(dim1=1, dim2=2).add_(torch.where(padding, 1.0, 1e-12 * gram.diagonal().amax()))
        factor, _ = torch.linalg.cholesky_ex(small)
        new = torch.cholesky_solve(target[todo].gather(1, own)[:, :, None], factor)[:, :, 0]
        leaving = (new <= 0) & ~padding
        again = leaving.any(1)
        if iteration >= _ROUNDS or rounds >= _ROUNDS:
            reach = torch.where(leaving, old / (old - new).clamp(min=torch.finfo(old.dtype).tiny), torch.inf)
            nearest = reach.amin(1, keepdim=True).clamp(max=1)
            new = old + nearest * (new - old)
            leaving &= reach <= nearest
        values[todo] = new.masked_fill(leaving | padding, 0.0).clamp(min=0)
        support[todo] = own.masked_fill(leaving, k)
        todo, rounds = todo[again], rounds + 1
    order = (support == k).to(torch.int8).argsort(dim=1, stable=True)[:, : int((support < k).sum(1).max())]
    return support.gather(1, order), values.gather(1, order)


def _ambiguous(a: Tensor, d: Tensor, gram: Tensor, z: Tensor) -> Tensor:
    """Tell which rows of A have other codes that are as good (see `encode`); D has unit rows, and `gram` is of them."""
    found = torch.zeros(len(a), dtype=torch.bool, device=a.device)
    rows_of_d = torch.nonzero(gram.diagonal() > 0).squeeze(1)
    own = gram[rows_of_d][:, rows_of_d]
    if len(own) <= d.shape[1] and (not len(own) or torch.linalg.eigvalsh(own)[0] > _DEPENDENT):
        return found  # no rows of D are dependent
    active = (z > 0).sum(1)
    found[active > d.shape[1]] = True
    todo = torch.nonzero((active > 0) & ~found).squeeze(1)
    todo = todo[active[todo].argsort()]
    if len(todo):
        width = int(active[todo[-1]])
        for rows in todo.split(max(1, working_bytes(a.device) // (8 * (3 * width**2 + 2 * width * len(d))))):
            found[rows] = _spans_more(a[rows], d, gram, z[rows])
    return found


def _spans_more(a: Tensor, d: Tensor, gram: Tensor, z: Tensor) -> Tensor:
    """Tell whose active features are dependent, or span another one.

    The j-th pivot of the Cholesky factor of a Gram matrix is the distance of row j from the span of the earlier ones. A
    feature that active ones span has a gradient of 0, as they have: few others need be looked at.
    """
    k = len(d)
    support = _indices(z > 0, k)
    small = gram.take(support[:, :, None] * (k + 1) + support[:, None, :])
    small.diagonal(dim1=1, dim2=2).add_(torch.where(support == k, 1.0, 0.0))
    factor, failed = torch.linalg.cholesky_ex(small)
    dependent = (failed > 0) | ~(factor.diagonal(dim1=1, dim2=2).square().amin(1) > _DEPENDENT)
    flat = ((z @ d - a) @ d.T).abs() <= 1e-5 * a.norm(dim=1, keepdim=True)
    others = _indices(flat & (z == 0) & (gram.diagonal()[:-1] > 0) & ~dependent[:, None], k)
    if others.shape[1]:
        cross = gram.take(support[:, :, None] * (k + 1) + others[:, None, :])
        factor = torch.where(dependent[:, None, None], torch.eye(factor.shape[1]).to(factor), factor)
        told = torch.linalg.solve_triangular(factor, cross, upper=False).square().sum(1)
        dependent |= ((1 - told <= _DEPENDENT) & (others < k)).any(1)
    return dependent


def _indices(mask: Tensor, k: int) -> Tensor:
    """Return the indices of what is true in every row, padded with k."""
    width = int(mask.sum(1).max())
    chosen, order = mask.to(torch.int8).topk(width, dim=1)
    return torch.where(chosen > 0, order, k)


def encode_shard(
    dictionary: str | Path,
    activations: str | Path,
    *,
    method: str,
    tolerance: float,
    max_iterations: int,
    output: str | Path,
) -> None:
    """Encode one shard's penultimate activations; write codes, R², share of zeros, numbers unsolved and ambiguous.

    With them the `sums` over images of z > 0, z, z² and z³ (4 × features), from which rate, mean and skewness follow,
    and the class that the head has `predicted` of every image, so that importance needs no activations.

    Parameters
    ----------
    dictionary
        The shard of a dictionary.
    activations
        The shard of penultimate activations, of the dictionary's checkpoint.
    method
        Name of one of `strata.features.methods`.
    tolerance, max_iterations
        See `encode`.
    output
        The shard.

    Raises
    ------
    StrataError
        If a shard is damaged, or they are of two checkpoints.
    """
    found, about = read_dictionary(dictionary)
    with store.Shard(activations, layer=PENULTIMATE, checkpoint=about["checkpoint"]) as shard:
        values, images = shard.read("activations").astype(np.float64), shard.attributes["images"]
    device = compute_device()
    a, d = (torch.from_numpy(x).to(device) for x in (values, found["dictionary"]))
    codes = METHODS[method].encode(a, d, tolerance=tolerance, max_iterations=max_iterations)
    predicted = (values @ found["head_weight"].T + found["head_bias"]).argmax(1)
    told = codes.tell_unsolved(tolerance)
    lost, total = (a - codes.z @ d).square().sum(), (a - a.mean(0)).square().sum()
    store.write(
        output,
        {
            "codes": store.Sparse(codes.z.float().cpu().numpy()),
            "predicted": predicted,
            "residual": codes.residual.cpu().numpy(),
            "sums": torch.stack([(codes.z > 0).sum(0), *((codes.z**p).sum(0) for p in (1, 2, 3))]).cpu().numpy(),
        },
        kind="codes",
        images=images,
        features=store.digest(found["dictionary"].tobytes()),
        r2=float(1 - lost / total),
        zeros=float((codes.z == 0).double().mean()),
        unsolved=told,
        ambiguous=int(codes.ambiguous.sum()),
    )
