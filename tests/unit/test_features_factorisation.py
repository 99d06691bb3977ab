import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import NMF

from strata.features import factorisation


def factorise(a, rank, seed, tolerance, max_iterations, **more):
    how = {"seed": seed, "tolerance": tolerance, "max_iterations": max_iterations}
    return factorisation.factorise(a, rank, **how, **more)


def uniform(*shape, seed=0):
    return np.random.default_rng(seed).random(shape)


def objective(a, z, d):
    return 0.5 * np.square(a - z @ d).sum(-1)


MATRICES = {
    "low rank": uniform(60, 5) @ uniform(5, 30, seed=1),
    "low rank and noise": uniform(60, 5) @ uniform(5, 30, seed=1) + 0.3 * uniform(60, 30, seed=2),
    "noise": uniform(40, 25),
    "sparse": uniform(50, 40) * (uniform(50, 40, seed=3) < 0.2),
    "digits": load_digits().data[load_digits().target == 3][:80],
    "fewer units than images": uniform(70, 6),
}


@pytest.mark.parametrize("a", MATRICES.values(), ids=MATRICES)
def test_the_factorisation_is_as_good_as_scikit_learns(a):
    u, d = factorise(torch.from_numpy(a)[None], 5, 0, 1e-7, 5000)
    assert (u >= 0).all()
    assert (d >= 0).all()
    peer = NMF(5, init="nndsvda", solver="cd", tol=1e-7, max_iter=5000, random_state=0)
    expected = objective(a, peer.fit_transform(a), peer.components_).sum()
    assert objective(a, u[0].numpy(), d[0].numpy()).sum() <= 1.01 * expected + 1e-6 * np.square(a).sum()


def test_the_start_needs_no_more_units_than_there_are():
    a = uniform(30, 4)
    u, d = factorise(torch.from_numpy(a)[None], 7, 0, 1e-9, 5000)
    assert objective(a, u[0].numpy(), d[0].numpy()).sum() < 1e-3 * np.square(a).sum()


def test_matrices_of_a_batch_do_not_influence_each_other():
    a = torch.from_numpy(np.stack([uniform(30, 20, seed=s) for s in range(3)]))
    together = factorise(a, 4, 0, 1e-9, 5000)[1]
    for i in range(3):
        alone = factorise(a[i : i + 1], 4, 0, 1e-9, 5000)[1]
        torch.testing.assert_close(together[i], alone[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", MATRICES)
def test_padding_with_rows_of_zeros_changes_nothing(name):
    a = torch.from_numpy(MATRICES[name])
    padded = torch.cat([a, torch.zeros(25, a.shape[1], dtype=a.dtype)])
    (u, d), (padded_u, padded_d) = (factorise(x[None], 4, 0, 1e-10, 20_000) for x in (a, padded))
    assert not padded_u[0, len(a) :].any()
    torch.testing.assert_close(padded_u[0, : len(a)] @ padded_d[0], u[0] @ d[0], rtol=1e-3, atol=1e-3 * a.max().item())


def test_the_same_seed_gives_the_same_bits_and_another_one_about_the_same():
    a = torch.from_numpy(MATRICES["low rank and noise"])[None]
    first, again, other = (factorise(a, 5, seed, 1e-6, 500) for seed in (3, 3, 4))
    assert all(torch.equal(x, y) for x, y in zip(first, again, strict=True))
    assert not torch.equal(first[1], other[1])
    losses = [(a - u @ d).square().sum().item() for u, d in (first, other)]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def test_a_class_starts_the_same_alone_and_beside_a_larger_one():
    small, large = (torch.from_numpy(uniform(n, 12, seed=n)) for n in (15, 60))
    both = torch.zeros(2, 60, 12, dtype=small.dtype)
    both[0, :15], both[1] = small, large
    alone, together = (factorisation._starts(a, 4, 0, signed=False) for a in (small[None], both))
    torch.testing.assert_close(together[0], alone[0])


def test_the_factorisation_is_as_good_as_the_best_of_three_of_scikit_learns():
    data = load_digits()
    classes = [data.data[data.target == label][:60] for label in (1, 5, 8)]
    u, d = factorise(torch.from_numpy(np.stack(classes)), 6, 0, 1e-5, 2000)
    for a, own_u, own_d in zip(classes, u.numpy(), d.numpy(), strict=True):
        best = np.inf
        for init, seed in (("nndsvda", 0), ("random", 0), ("random", 1)):
            peer = NMF(6, init=init, solver="cd", tol=1e-6, max_iter=3000, random_state=seed)
            best = min(best, objective(a, peer.fit_transform(a), peer.components_).sum())
        assert objective(a, own_u, own_d).sum() <= 1.0005 * best


def test_of_several_starts_the_best_is_returned_and_none_is_worse_than_the_first(monkeypatch):
    a = torch.from_numpy(np.stack([uniform(30, 20, seed=s) * (uniform(30, 20, seed=9 + s) < 0.3) for s in range(5)]))
    several = [(x - u @ d).square().sum().item() for x, u, d in zip(a, *factorise(a, 5, 0, 1e-6, 1500), strict=True)]
    monkeypatch.setattr(factorisation, "STARTS", 1)
    alone = [(x - u @ d).square().sum().item() for x, u, d in zip(a, *factorise(a, 5, 0, 1e-6, 1500), strict=True)]
    assert all(own <= 1.001 * one for own, one in zip(several, alone, strict=True))
    assert min(own / one for own, one in zip(several, alone, strict=True)) < 0.999


def test_semi_nmf_fits_activations_of_any_sign_with_non_negative_codes():
    rng = np.random.default_rng(0)
    z = rng.gamma(1, 1, (60, 4)) * (rng.random((60, 4)) < 0.5)
    a = torch.from_numpy(z @ rng.standard_normal((4, 20)))[None]
    u, d = factorise(a, 4, 0, 1e-12, 5000, signed=True)
    assert u.min() >= 0
    assert d.min() < 0
    assert (a - u @ d).square().sum() < 1e-4 * a.square().sum()
    clipped, directions = factorise(a.clamp(min=0), 4, 0, 1e-12, 5000)
    assert (a - clipped @ directions).square().sum() > 0.1 * a.square().sum()
