"""The measuring core against independent float64 solutions, on random shapes, scales, ranks and degenerate columns."""

import os

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from strata.features.codes import encode
from strata.probes.cka import linear_cka
from strata.probes.moments import Moments
from strata.probes.ridge import v_information

FOLDS = 3
EXAMPLES = int(os.environ.get("STRATA_EXAMPLES", "100"))  # more of them, and other ones each time, by hand
RANDOM = "STRATA_EXAMPLES" in os.environ
PENALTIES = [1e-6, 1e-3, 1.0, 1e3]


@st.composite
def layers(draw):
    """Activations of some rank and scale, with constant and duplicate units; codes with dead and constant features."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, d, k = draw(st.integers(30, 90)), draw(st.integers(1, 40)), draw(st.integers(1, 6))
    rank = draw(st.integers(1, d))
    x = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, d)) * 10.0 ** draw(st.integers(-3, 3))
    x = np.maximum(x, 0) if draw(st.booleans()) else x + 10.0 ** draw(st.integers(-2, 1)) * np.abs(x).max()
    if draw(st.booleans()):
        x[:, 0] = x[0, 0]
    if draw(st.booleans()):
        x[:, -1] = x[:, 0]
    z = x @ rng.standard_normal((d, k)) / (np.abs(x).max() * d + 1e-300) + draw(
        st.just(0.0) | st.floats(1e-6, 2)
    ) * rng.standard_normal((n, k))
    z = np.maximum(z, 0)
    if draw(st.booleans()):
        z[:, 0] = draw(st.sampled_from([0.0, 3.0]))
    if draw(st.booleans()):
        z[np.arange(n) % FOLDS == 1, -1] = 0
    return x.astype(draw(st.sampled_from([np.float16, np.float32, np.float64]))), z


def deviations(x):
    """Return the standard deviations of the units that vary, 0 of others."""
    return np.where(x.std(0) > 1e-6 * np.hypot(x.std(0), x.mean(0)), x.std(0), 0)


def independent(x, z):
    """Solve every ridge directly, in float64; return I_V at every single penalty (penalties × features)."""
    fold = np.arange(len(x)) % FOLDS
    sse, sst = np.zeros((len(PENALTIES), z.shape[1])), np.zeros(z.shape[1])
    raw, sizes = x, deviations(x)[deviations(x) > 0]
    spread = len(sizes) and sizes.max() > 1000 * sizes.min()  # then units are standardised
    for h in range(FOLDS):
        fit, out = fold != h, fold == h
        if spread:
            own = deviations(raw[fit])
            x = np.divide(raw, own, out=np.zeros_like(raw), where=own > 0)
        mean, middle = x[fit].mean(0), z[fit].mean(0)
        u, s, vt = np.linalg.svd(x[fit] - mean, full_matrices=False)
        s = np.where(s > 1e-7 * max(s.max(), np.abs(mean).max() * len(x) ** 0.5, 1e-300), s, 0)
        for i, penalty in enumerate(PENALTIES):
            alpha = penalty * (s**2).sum() / x.shape[1]
            gain = np.divide(s, s**2 + alpha, out=np.zeros_like(s), where=s > 0)
            w = vt.T @ (gain[:, None] * (u.T @ (z[fit] - middle)))
            sse[i] += ((z[out] - middle - (x[out] - mean) @ w) ** 2).sum(0)
        sst += ((z[out] - middle) ** 2).sum(0)
    return 1 - sse / np.where(sst > 0, sst, np.nan)


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, derandomize=not RANDOM)
@given(layers())
def test_v_information_at_a_given_penalty_is_that_of_an_independent_solution(layer):
    x, z = layer
    assume(np.isfinite(x).all())
    fold = torch.arange(len(x)) % FOLDS
    moments = Moments.of(torch.from_numpy(x), torch.from_numpy(z), fold=fold, folds=FOLDS)
    wide = x.astype(np.float64)
    expected = independent(wide, z.astype(x.dtype if x.dtype == np.float64 else np.float32).astype(np.float64))
    for i, penalty in enumerate(PENALTIES[1:], start=1):
        found = v_information(moments, [penalty]).value.numpy()
        constant = np.ptp(z, axis=0) == 0
        assert np.isnan(found[constant]).all()
        np.testing.assert_allclose(found[~constant], expected[i][~constant], atol=1e-4, rtol=1e-4)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=not RANDOM)
@given(layers())
def test_nothing_but_constant_codes_is_missing_and_nothing_is_infinite(layer):
    x, z = layer
    assume(np.isfinite(x).all())
    fold = torch.arange(len(x)) % FOLDS
    moments = Moments.of(torch.from_numpy(x), torch.from_numpy(z), fold=fold, folds=FOLDS)
    found = v_information(moments, PENALTIES)
    constant = np.ptp(z, axis=0) == 0
    for values in (found.value.numpy(), linear_cka(moments).numpy()):
        assert (np.isnan(values) == constant).all()
        assert not np.isinf(values).any()
        assert (values[~constant] <= 1 + 1e-9).all()
    assert torch.isfinite(found.sse).all()
    assert torch.isfinite(found.sst).all()


@settings(max_examples=EXAMPLES, deadline=None, derandomize=not RANDOM)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 20), st.integers(1, 30), st.integers(-4, 4))
def test_codes_reach_the_objective_of_scipys_solution(seed, n, units, features, scale):
    rng = np.random.default_rng(seed)
    d = rng.gamma(0.5, 1, (features, units)) * (rng.random((features, 1)) > 0.1)
    a = rng.gamma(0.5, 1, (n, units)) * 10.0**scale
    found = encode(torch.from_numpy(a), torch.from_numpy(d), tolerance=1e-8, max_iterations=500)
    z, best = found.z.numpy(), np.stack([nnls(d.T, row, maxiter=10_000)[0] for row in a])
    gap = np.square(a - z @ d).sum(1) - np.square(a - best @ d).sum(1)
    # The objective is convex: its gap is at most the gradient, which the residual bounds, times the way to the best.
    bound = 2 * 1e-8 * np.abs(a @ d.T).max(1) * (z + best).sum(1)
    assert (gap <= bound + 1e-12 * np.square(a).sum(1)).all()
    assert (found.z >= 0).all()
    assert len(found.unsolved(1e-8)) == 0
