"""Codes: what each image has of each feature, by non-negative least squares against the dictionary.

Notation: A, activations (images × units); D, the dictionary (features × units); Z, codes (images × features).
"""

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

_APPROACH = 100  # steps that find most of the support, at most
_LOOK, _CHANGED = 10, 0.02  # steps between two looks; share of rows that still change their support where they end
_ON = 1.8  # how far a step goes, where 1 is to the least squares that it solves
_ROUNDS = 10  # times that all negative entries leave at once before they leave one by one
_ENTERING = 32  # features that may enter a row's support at a time
ROWS_AT_ONCE = 1024  # at most, whose supports are settled together
BYTES_AN_ENTRY = 24  # of the matrix of a small system, while it is solved: two matrices, and the places of one
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

    Most codes are 0, so what is sought is the support. A splitting method finds nearly all of it, on all rows at once;
    an active-set method then settles it exactly, on systems as small as the support.

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
    z = _approach(a, d) if start is None else start * sizes
    by_support = (z > 0).sum(1).argsort()  # rows of like support waste little padding
    widest = int((z > 0).sum(1).max()) + 32
    padded = torch.nn.functional.pad(d, (0, 0, 0, 1))
    gram = padded @ padded.T
    residual, least = (torch.empty(len(a), dtype=a.dtype, device=a.device) for _ in range(2))
    for rows in progress(by_support.split(_at_once(d.device, widest)), "encoding images"):
        z[rows], residual[rows], least[rows] = _settle(a[rows], d, gram, z[rows], tolerance, max_iterations)
    return Codes(z / sizes, residual, _ambiguous(a, d, gram, z, least))


def _approach(a: Float[Tensor, "images units"], d: Float[Tensor, "features units"]) -> Float[Tensor, "images features"]:
    """Take some steps towards the codes, most of whose support is then right; in float32, but for the eigenvectors.

    The steps are those of the alternating direction method of multipliers (Boyd et al. 2011), with a penalty ρ:
    x = argmin ½‖a − x D‖² + ½ρ‖x − z + u‖², z = max(0, x + u), u = x + u − z. In the basis of the eigenvectors of DᵀD,
    whose eigenvalues are λ, x = z − u + ((a − (z − u) D) / (λ + ρ)) Dᵀ: two thin products, and any ρ for any row. What
    is kept is w = x + u, of which z is the positive part and u the negative one, so that z − u = |w|.
    """
    values, a, d = _rotated(a, d)
    z = torch.empty(len(a), len(d), dtype=a.dtype, device=a.device)
    # As if there were as many rows as units, which are of unit norm.
    penalty = 2 * (values.log().mean().exp() / values.mean()).nan_to_num(1.0)
    a, d, values = a.float(), d.float(), values.float()
    for rows in torch.arange(len(a), device=a.device).split(max(1, working_bytes(d.device) // (len(d) * 4 * 8))):
        own = a[rows]
        w, rho = own.new_zeros(len(own), len(d)), penalty.float().expand(len(own), 1)
        for step in range(1, _APPROACH + 1):
            last, ahead = w, w.abs()
            seen = (own - ahead @ d).div_(values + rho)
            w = torch.addmm(torch.nn.functional.leaky_relu(w, 1 - _ON), seen, d.T, alpha=_ON)
            if step % _LOOK == 0:
                if ((w > 0) != (last > 0)).any(1).float().mean() < _CHANGED:
                    break
                w, rho = _balanced(w, rho, last, torch.addmm(ahead, seen, d.T))
        z[rows] = w.clamp_(min=0).to(z.dtype)
    return z


def _rotated(a: Tensor, d: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the eigenvalues of DᵀD that are not 0, and A and D in the basis of their eigenvectors."""
    wide = len(d) < d.shape[1]
    values, vectors = torch.linalg.eigh(d @ d.T if wide else d.T @ d)  # which have the same eigenvalues
    some = values > 1e-10 * values[-1]
    values, vectors = values[some], vectors[:, some]
    if wide:
        vectors = d.T @ (vectors / values.sqrt())
    return values, a @ vectors, d @ vectors


def _balanced(w: Tensor, rho: Tensor, last: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Change each row's penalty so that x comes as near to z, for its size, as z to where it was, for that of u."""
    z, u = w.clamp(min=0), w.clamp(max=0)
    moved = (z - last.clamp(min=0)).norm(dim=1, keepdim=True)
    apart = (x - z).norm(dim=1, keepdim=True)
    sizes = torch.maximum(x.norm(dim=1, keepdim=True), z.norm(dim=1, keepdim=True))
    factor = (apart * u.norm(dim=1, keepdim=True) / (sizes * moved)).sqrt().nan_to_num(1.0, 1.0).clamp(0.2, 5.0)
    return z + u / factor, rho * factor


def _settle(
    a: Tensor, d: Tensor, gram: Tensor, start: Tensor, tolerance: float, max_iterations: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Settle the support of some rows with a block active-set method (after Lawson & Hanson 1974).

    Every iteration solves least squares on each row's support until it is positive, then lets the features enter whose
    gradient asks for it most. A support is a row of indices, padded with K. Returned are codes, residuals, and of every
    row the least squared distance of an active feature from the span of others before it.
    """
    n, k = start.shape
    target = torch.nn.functional.pad(a @ d.T, (0, 1))
    scale = target.abs().amax(1).clamp(min=torch.finfo(a.dtype).tiny)
    z, residual, least = torch.zeros_like(start), torch.full_like(scale, torch.inf), torch.ones_like(scale)
    width = int((start > 0).sum(1).max())
    values, support = start.topk(width, dim=1)
    support = torch.where(values > 0, support, k)
    rows = torch.arange(n, device=a.device)
    for iteration in range(max_iterations + 1):
        support, values, least[rows] = _positive(gram, target[rows], support, values, iteration)
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
    return z, residual, least


def _positive(
    gram: Tensor, target: Tensor, support: Tensor, values: Tensor, iteration: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Solve least squares on each row's support, letting entries leave until all are positive.

    At first, all entries that come out negative leave at once, which is fast and nearly always right. To be sure to
    end, later rounds go from the last positive values only as far as the first entry reaches 0, and let that one leave.
    """
    k = len(gram) - 1
    todo, least = torch.arange(len(support), device=support.device), target.new_ones(len(support))
    rounds = 0
    while len(todo) and support.shape[1]:
        own, old = support[todo], values[todo]
        padding = own == k
        new, least[todo] = _least_squares(gram, target[todo].gather(1, own), own)
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
    return support.gather(1, order), values.gather(1, order), least


def _least_squares(gram: Tensor, target: Tensor, support: Tensor) -> tuple[Tensor, Tensor]:
    """Return what solves every row's normal equations, and its least squared pivot; as many at once as memory holds."""
    solved, least = torch.empty_like(target), target.new_empty(len(target))
    least_addition = 1e-12 * gram.diagonal().amax()  # that keeps supports with twin features solvable
    for rows in torch.arange(len(support), device=support.device).split(_at_once(gram.device, support.shape[1])):
        own = support[rows]
        small = _of(gram, own, own)
        small.diagonal(dim1=1, dim2=2).add_(torch.where(own == len(gram) - 1, 1.0, least_addition))
        factor, least[rows] = _factor(small)
        # Two triangular solutions take a fifth of the time of `cholesky_solve` on a CPU.
        half = torch.linalg.solve_triangular(factor, target[rows, :, None], upper=False)
        solved[rows] = torch.linalg.solve_triangular(factor.mT, half, upper=True)[:, :, 0]
    return solved, least


def _at_once(device: torch.device, width: int) -> int:
    """Return how many systems of a support fit into what work may take."""
    return max(1, min(ROWS_AT_ONCE, working_bytes(device) // (width**2 * BYTES_AN_ENTRY)))


def _of(gram: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return every image's part of a matrix, by its rows and its columns; `index_select` is twice as fast as `take`."""
    short = torch.int32 if gram.numel() < 2**31 else torch.int64
    places = rows.to(short)[:, :, None] * len(gram) + columns.to(short)[:, None, :]
    return gram.flatten().index_select(0, places.flatten()).view(places.shape)


def _factor(small: Tensor) -> tuple[Tensor, Tensor]:
    """Return Cholesky factors, and the least squared pivot of each: 0 where there is none.

    The j-th pivot of the Cholesky factor of a Gram matrix is the distance of row j from the span of the earlier ones.
    """
    factor, failed = torch.linalg.cholesky_ex(small)
    least = factor.diagonal(dim1=1, dim2=2).square().amin(1)
    return factor, torch.where(failed > 0, 0.0, least)


def _ambiguous(a: Tensor, d: Tensor, gram: Tensor, z: Tensor, least: Tensor) -> Tensor:
    """Tell which rows of A have other codes that are as good (see `encode`); D has unit rows, and `gram` is of them."""
    rows_of_d = torch.nonzero(gram.diagonal() > 0).squeeze(1)
    own = gram[rows_of_d][:, rows_of_d]
    if len(own) <= d.shape[1] and (not len(own) or torch.linalg.eigvalsh(own)[0] > _DEPENDENT):
        return torch.zeros(len(a), dtype=torch.bool, device=a.device)  # no rows of D are dependent
    active = (z > 0).sum(1)
    found = (active > 0) & ((active > d.shape[1]) | ~(least > _DEPENDENT))
    # A feature that active ones span has a gradient of 0, as they have: few others need be looked at.
    flat = ((z @ d - a) @ d.T).abs() <= 1e-5 * a.norm(dim=1, keepdim=True)
    others = flat & (z == 0) & (gram.diagonal()[:-1] > 0)
    todo = torch.nonzero((active > 0) & ~found & others.any(1)).squeeze(1)
    todo = todo[active[todo].argsort()]
    if len(todo):
        width = int(active[todo[-1]])
        for rows in todo.split(max(1, working_bytes(a.device) // (8 * (3 * width**2 + 2 * width * len(d))))):
            found[rows] = _spans(gram, z[rows] > 0, others[rows])
    return found


def _spans(gram: Tensor, active: Tensor, others: Tensor) -> Tensor:
    """Tell of every image whether its active features, which are independent, span another."""
    k = active.shape[1]
    support, beside = _indices(active, k), _indices(others, k)
    small = _of(gram, support, support)
    small.diagonal(dim1=1, dim2=2).add_(torch.where(support == k, 1.0, 0.0))
    told = torch.linalg.solve_triangular(_factor(small)[0], _of(gram, support, beside), upper=False).square().sum(1)
    return ((1 - told <= _DEPENDENT) & (beside < k)).any(1)


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
