"""Factorisation of many matrices at once: non-negative, or with directions of any sign.

Notation, kept throughout (as in the paper): A, activations (images × units); D, the directions (rank × units); U, what
each image has of them; A ≈ U D with U ≥ 0 and, but for semi-NMF, D ≥ 0.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from strata.progress import progress

STARTS = 8
_HALVED = 300  # iterations after which the worse half of the starts is left, and again whenever they have doubled
_WINDOW = 10  # iterations between two looks at what is done
_SLOWER, _FASTER, _FASTEST = 1.5, 1.02, 1.005  # what momentum is divided or multiplied by, and what its limit is


def nmf(a: Tensor, rank: int, *, seed: int, tolerance: float, max_iterations: int) -> Tensor:
    """Return non-negative directions (batch × rank × units) of non-negative matrices (see `factorise`).

    Parameters
    ----------
    a
        Batch × images × units; zero rows pad smaller matrices.
    rank
        Rows of D.
    seed, tolerance, max_iterations
        See `factorise`.
    """
    return factorise(a, rank, seed=seed, tolerance=tolerance, max_iterations=max_iterations)[1]


def semi_nmf(a: Tensor, rank: int, *, seed: int, tolerance: float, max_iterations: int) -> Tensor:
    """Return directions of any sign (batch × rank × units; see `factorise`).

    Parameters
    ----------
    a
        Batch × images × units; zero rows pad smaller matrices.
    rank
        Rows of D.
    seed, tolerance, max_iterations
        See `factorise`.
    """
    return factorise(a, rank, seed=seed, tolerance=tolerance, max_iterations=max_iterations, signed=True)[1]


@torch.inference_mode()
def factorise(
    a: Tensor, rank: int, *, seed: int, tolerance: float, max_iterations: int, signed: bool = False
) -> tuple[Tensor, Tensor]:
    """Factorise a batch of matrices, A ≈ U D with U ≥ 0, by hierarchical alternating least squares with momentum.

    With all rows of D but the j-th fixed, ½‖A − U D‖² is quadratic in the j-th column of U; its minimum, clipped at
    zero, is u_j ← max(0, u_j + (A d_jᵀ − U D d_jᵀ) / ‖d_j‖²), and likewise for D (Cichocki & Phan 2009). Where D may
    have any sign (semi-NMF; Ding, Li & Jordan 2010), its rows take the same step unclipped. U and D then go on by a
    share of their last step, which grows as long as the objective falls, and shrinks, with the step taken back, where
    it does not (Ang & Gillis 2019). The objective is that of float64: float32 cannot tell late steps from rounding.

    The objective has local minima and long plateaus. Every matrix is therefore factorised from several starts: NNDSVD
    (Boutsidis & Gallopoulos 2008) with small seeded noise, and seeded noise alone. The worse half of them is left
    behind after some iterations, and again, and of what is left the best is returned. They are directions alone, so
    that no start depends on the number of images, or on the other matrices of the batch.

    Parameters
    ----------
    a
        Batch × images × units; zero rows pad smaller matrices. Non-negative, unless `signed`.
    rank
        Rows of D.
    seed
        Of the starts.
    tolerance
        A matrix is done when ten iterations lower the objective of none of its starts by more than this share, whatever
        the others of the batch do.
    max_iterations
        After which it stops in any case.
    signed
        Whether D may be negative.

    Returns
    -------
    u, d : Tensor
        Batch × images × rank, batch × rank × units; float64.
    """
    a = a.double()
    norm = a.square().sum((1, 2))[:, None]
    state = _State.at(a, _starts(a, rank, seed, signed), signed=signed)
    u, d = a.new_zeros(*a.shape[:2], rank), a.new_zeros(len(a), rank, a.shape[2])
    left, halving = torch.arange(len(a), device=a.device), _HALVED
    for iteration in progress(range(1, max_iterations + 1), "factorising classes"):
        state.step(a, norm)
        last = iteration == max_iterations
        if iteration % _WINDOW and not last:
            continue
        if iteration >= halving:
            state, halving = state.best((state.objective.shape[1] + 1) // 2), 2 * halving
        done = last | state.settled(tolerance, norm)
        state.before = state.objective
        if done.any():
            ended = state.of(done).best(1)
            u[left[done]], d[left[done]] = ended.u[:, 0].mT, ended.d[:, 0]
            a, norm, left, state = a[~done], norm[~done], left[~done], state.of(~done)
            if not len(left):
                break
    return u, d


@dataclass
class _State:
    """Where every start of every matrix is: batch × starts × rank × images or units; batch × starts.

    Attributes
    ----------
    u, d : Tensor
        Uᵀ and D of the lowest objective so far.
    ahead_u, ahead_d : Tensor
        The same with momentum, from which the next step goes.
    last_u, last_d : Tensor
        The same as the last step left them, without momentum.
    objective : Tensor
        ‖A − U D‖² of u and d.
    before : Tensor
        The same at the last look.
    momentum, limit : Tensor
        Share of a step that is gone on by, and its limit.
    signed : bool
        Whether D may be negative.
    """

    u: Tensor
    d: Tensor
    ahead_u: Tensor
    ahead_d: Tensor
    last_u: Tensor
    last_d: Tensor
    objective: Tensor
    before: Tensor
    momentum: Tensor
    limit: Tensor
    signed: bool

    @staticmethod
    def at(a: Tensor, d: Tensor, *, signed: bool) -> "_State":
        """Return the state of some starts (batch × starts × rank × units): U is what they see of A."""
        nothing = d.new_zeros(*d.shape[:3], a.shape[1])
        u = _sweep(nothing, _products(d, a.mT), d @ d.mT)
        momentum = d.new_full(d.shape[:2], 0.5)
        nowhere = torch.full_like(momentum, torch.inf)
        return _State(u, d, u, d, u, d, nowhere, nowhere, momentum, torch.ones_like(momentum), signed)

    def step(self, a: Tensor, norm: Tensor) -> None:
        """Update U, then D; take back what does not lower the objective."""
        on = 1 + self.momentum[:, :, None, None]
        last_u = _sweep(self.ahead_u, _products(self.ahead_d, a.mT), self.ahead_d @ self.ahead_d.mT)
        u = torch.lerp(self.last_u, last_u, on).clamp_(min=0)
        uta, utu = _products(u, a), u @ u.mT
        last_d = _sweep(self.ahead_d, uta, utu, self.signed)
        ahead_d = torch.lerp(self.last_d, last_d, on)
        if not self.signed:
            ahead_d.clamp_(min=0)
        objective = norm - 2 * torch.einsum("bsru,bsru->bs", uta, last_d) + (utu * (last_d @ last_d.mT)).sum((2, 3))
        worse = ~(objective <= self.objective)
        back = worse.nonzero(as_tuple=True)
        if len(back[0]):
            for new, old in (
                (last_u, self.u),
                (u, self.u),
                (last_d, self.d),
                (ahead_d, self.d),
                (objective, self.objective),
            ):
                new[back] = old[back]
        self.u, self.ahead_u, self.last_u = u, u, last_u
        self.d, self.ahead_d, self.last_d = last_d, ahead_d, last_d
        self.objective = objective
        self.limit = torch.where(worse, self.momentum, (_FASTEST * self.limit).clamp(max=1))
        grown = torch.minimum(self.limit, _FASTER * self.momentum)
        self.momentum = torch.where(worse, self.momentum / _SLOWER, grown)

    def settled(self, tolerance: float, norm: Tensor) -> Tensor:
        """Tell of which matrices no start's objective has fallen by more than a share of it since the last look."""
        fallen = self.before - self.objective > tolerance * self.objective.clamp(min=1e-12 * norm)
        return ~fallen.any(1)

    def best(self, count: int) -> "_State":
        """Return the starts of the lowest objectives, in their order."""
        chosen = self.objective.topk(count, dim=1, largest=False).indices.sort(dim=1).values
        return self.of(torch.arange(len(chosen), device=chosen.device)[:, None], chosen)

    def of(self, *chosen: Tensor) -> "_State":
        """Return some matrices, or some starts of all of them."""
        fields = {name: value[chosen] for name, value in vars(self).items() if name != "signed"}
        return _State(**fields, signed=self.signed)


def _products(x: Tensor, a: Tensor) -> Tensor:
    """Return the products of all starts (batch × starts × rank × n) with their matrix (batch × n × m) at once."""
    return (x.flatten(1, 2) @ a).unflatten(1, x.shape[1:3])


def _starts(a: Tensor, rank: int, seed: int, signed: bool) -> Tensor:
    """Return directions to start from (batch × starts × rank × units): NNDSVD first, then noise."""
    rng = torch.Generator().manual_seed(seed)
    first = _nndsvd(a, rank, rng)
    size = a.square().sum(1, keepdim=True).sqrt()
    # The same noise for every matrix of the batch, so that no start depends on the others.
    noise = torch.randn(STARTS, rank, a.shape[2], generator=rng, dtype=a.dtype).to(a.device)
    starts = size[:, None] * (noise if signed else noise.abs())
    starts[:, 0] = first * size.norm(dim=2, keepdim=True) + 1e-2 * starts[:, 0]
    return starts


def _nndsvd(a: Tensor, rank: int, rng: torch.Generator) -> Tensor:
    """Return directions of unit norm: of every singular pair, the part of its dominant sign; 0 where there is none."""
    u, vt = _leading(a, rank, rng)
    up, un, vp, vn = u.clamp(min=0), (-u).clamp(min=0), vt.clamp(min=0), (-vt).clamp(min=0)
    positive, negative = up.norm(dim=1) * vp.norm(dim=2), un.norm(dim=1) * vn.norm(dim=2)
    right = torch.where((positive >= negative)[:, :, None], vp, vn)
    right = right / right.norm(dim=2, keepdim=True).clamp(min=torch.finfo(a.dtype).tiny)
    return torch.nn.functional.pad(right, (0, 0, 0, rank - right.shape[1]))


def _leading(a: Tensor, rank: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the leading singular vectors of a batch, by randomised subspace iteration (Halko et al. 2011)."""
    width = min(rank + 10, *a.shape[1:])
    y = a @ torch.randn(a.shape[2], width, generator=rng, dtype=a.dtype).to(a.device)
    for _ in range(6):
        y = torch.linalg.qr(a @ (a.mT @ torch.linalg.qr(y).Q)).Q
    u, _, vt = torch.linalg.svd(y.mT @ a, full_matrices=False)
    return (y @ u)[:, :, :rank], vt[:, :rank]


def _sweep(x: Tensor, target: Tensor, gram: Tensor, signed: bool = False) -> Tensor:
    """Update the rows of x in turn: x_j ← max(0, x_j + (target_j − gram_j x) / gram_jj), if not signed.

    A row whose partner is 0 (gram_jj = 0) stays as it is.
    """
    size = gram.diagonal(dim1=-2, dim2=-1)[..., None].clamp(min=torch.finfo(x.dtype).tiny)
    others = (gram / size).flatten(0, 1)
    others.diagonal(dim1=1, dim2=2).sub_(1)
    targets, rows = (target / size).flatten(0, 1), x.flatten(0, 1).clone()
    for wanted, other, row in zip(targets.split(1, 1), others.split(1, 1), rows.split(1, 1), strict=True):
        new = torch.baddbmm(wanted, other, rows, alpha=-1)
        if signed:
            row.copy_(new)
        else:
            torch.clamp(new, min=0, out=row)
    return rows.view_as(x)
