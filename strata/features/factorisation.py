"""Factorisation of many matrices at once: non-negative, or with directions of any sign.

Notation, kept throughout (as in the paper): A, activations (images × units); D, the directions (rank × units); U, what
each image has of them; A ≈ U D with U ≥ 0 and, but for semi-NMF, D ≥ 0.
"""

import torch
from torch import Tensor

from strata.progress import progress


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


def factorise(
    a: Tensor, rank: int, *, seed: int, tolerance: float, max_iterations: int, signed: bool = False
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
    rank
        Rows of D.
    seed
        Of the noise in the start.
    tolerance
        The batch is done when an iteration lowers no matrix's objective by more than this share.
    max_iterations
        After which it stops in any case.
    signed
        Whether D may be negative.

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
