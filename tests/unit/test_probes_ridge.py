import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from strata.probes import ridge
from strata.probes.cka import linear_cka
from strata.probes.moments import Moments
from strata.probes.ridge import v_information

PENALTIES = [1e-6, 1e-3, 1e-1, 1.0, 10.0, 1000.0]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def moments_of(x, z, fold):
    return Moments.of(*map(torch.from_numpy, (x, z)), fold=torch.from_numpy(fold), folds=int(fold.max()) + 1)


def measured(x, z, fold, penalties=PENALTIES, **more):
    return v_information(moments_of(x, z, fold), penalties, **more)


def folds_of(n, k=5, seed=0):
    return np.random.default_rng(seed).permutation(np.arange(n) % k)


def independent(x, z, fold, penalties=PENALTIES):
    """V-information by nested cross-validation of explicit ridge regressions in float64.

    Returns the value (K), and what every penalty costs within the other folds (folds × penalties × K).
    """
    x, z = x.astype(np.float64), z.astype(np.float64)
    deviation = x.std(0)
    varying = deviation[deviation > 1e-6 * np.hypot(deviation, x.mean(0))]
    spread = len(varying) and varying.max() > 1000 * varying.min()
    raw = x

    def errors(fit, held_out, penalty):
        x = raw
        if spread:
            own = raw[fit].std(0)
            x = raw[:, own > 1e-6 * np.abs(raw[fit].mean(0))] / own[own > 1e-6 * np.abs(raw[fit].mean(0))]
            x = np.column_stack([x, np.zeros((len(x), raw.shape[1] - x.shape[1]))])
        unit = np.square(x[fit] - x[fit].mean(0)).sum() / x.shape[1]
        alpha = np.broadcast_to(np.asarray(penalty) * unit, z.shape[1])
        ridge = Ridge(alpha=alpha, solver="svd").fit(x[fit], z[fit])
        return np.square(z[held_out] - ridge.predict(x[held_out])).sum(0)

    folds = range(fold.max() + 1)
    sse, sst, costs = 0.0, 0.0, []
    for h in folds:
        others = [g for g in folds if g != h]
        costs.append([sum(errors((fold != h) & (fold != g), fold == g, p) for g in others) for p in penalties])
        chosen = np.array(penalties)[np.argmin(costs[-1], axis=0)]
        sse = sse + errors(fold != h, fold == h, chosen)
        sst = sst + np.square(z[fold == h] - z[fold != h].mean(0)).sum(0)
    return 1 - sse / sst, np.array(costs)


def signal(x, features, noise, seed=9):
    """Return codes that are linear in the layer, with noise of a standard deviation relative to the signal's."""
    z = x @ normal(x.shape[1], features, seed=seed)
    return z + np.asarray(noise) * z.std(0) * normal(*z.shape, seed=seed + 1)


def cases():
    x = normal(120, 8)
    mixed = [0.1, 0.5, 1.0, 3.0, 10.0]
    yield "more images than units", x, signal(x, 5, mixed)
    yield "codes as they are, mostly zero", x, np.maximum(signal(x, 5, mixed) - 2, 0)
    wide = normal(60, 90, seed=1)
    yield "more units than images", wide, signal(wide, 5, mixed)
    level = normal(
        75, 60, seed=2
    )  # the folds of an inner fit have fewer images than units, those of an outer one as many
    yield "as many units as images", level, signal(level, 5, mixed)
    yield "units of very different sizes", x * np.logspace(-3, 3, 8), signal(x, 5, mixed)
    yield (
        "units that vary much less or more than their mean",
        x * np.array([1e-4] * 4 + [1e4] * 4) + 3.0,
        signal(x, 5, mixed),
    )
    dying = np.where(np.arange(120) > 2, 0, 1e-5 * normal(120, seed=3))[:, None]
    yield "sizes, a constant and a dying unit", np.column_stack([x, np.full((120, 1), 7.0), dying]), signal(x, 5, mixed)
    yield "units far from zero", (x + 1000).astype(np.float32), signal(x, 5, mixed).astype(np.float32)
    yield "twin units", np.repeat(x, 2, axis=1), signal(x, 5, mixed)
    yield "constant and dead units", np.column_stack([x, np.ones((120, 1)), np.zeros((120, 1))]), signal(x, 5, mixed)
    yield "a large layer", 1e6 * x, signal(x, 5, mixed)
    yield "a small layer", 1e-6 * x, signal(x, 5, mixed)
    yield "codes far from zero", x, signal(x, 5, mixed) + 300
    yield "half precision", x.astype(np.float16), signal(x, 5, mixed).astype(np.float32)


CASES = {name: (x, z) for name, x, z in cases()}


@pytest.mark.parametrize("folds", [3, 5])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CASES)
def test_v_information_is_that_of_an_independent_float64_solution(name, dtype, folds):
    x, z = (a if a.dtype == np.float16 else a.astype(dtype) for a in CASES[name])
    fold = folds_of(len(x), folds)
    expected, costs = independent(x, z, fold)
    found = measured(x, z, fold)
    np.testing.assert_allclose(found.value.numpy(), expected, atol=1e-4)
    # The penalties need not be the same ones, but must be as good as the best, within the folds that choose them.
    chosen = np.searchsorted(PENALTIES, found.penalty.numpy())
    cost = np.take_along_axis(costs, chosen[:, None], axis=1)[:, 0]
    assert (cost <= costs.min(1) * (1 + 1e-4)).all()


def test_the_value_is_that_of_its_errors():
    x, z = CASES["more images than units"]
    found = measured(x, z, folds_of(len(x)))
    assert found.sse.shape == found.sst.shape == found.penalty.shape == (5, 5)
    torch.testing.assert_close(found.value, 1 - found.sse.sum(0) / found.sst.sum(0))


def test_the_penalty_of_a_fold_does_not_depend_on_it():
    x, z = CASES["more images than units"]
    fold = folds_of(len(x))
    before = measured(x, z, fold)
    spoiled = np.where((fold == 2)[:, None], 100 * normal(*z.shape, seed=5), z)
    after = measured(x, spoiled, fold)
    assert torch.equal(before.penalty[2], after.penalty[2])
    assert not torch.equal(before.penalty, after.penalty)


def test_features_get_penalties_of_their_own():
    x = normal(200, 40)
    found = measured(x, signal(x, 2, [0.01, 20.0]), folds_of(200))
    assert (found.penalty[:, 0] < found.penalty[:, 1]).all()


@pytest.mark.parametrize("scale", [1e-3, 1e4])
def test_the_unit_of_a_layer_does_not_matter(scale):
    x, z = CASES["more images than units"]
    fold = folds_of(len(x))
    found, expected = measured(scale * x, z, fold), measured(x, z, fold)
    torch.testing.assert_close(found.value, expected.value, atol=1e-9, rtol=0)
    assert torch.equal(found.penalty, expected.penalty)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_scales_of_single_units_do_not_matter_where_they_spread(dtype):
    x, z = CASES["units of very different sizes"]
    rescaled = x * 10.0 ** np.random.default_rng(3).permutation([-4, 4, -4, 4, 0, 1, -2, 3])
    fold = folds_of(len(x))
    found, expected = (measured(some.astype(dtype), z, fold) for some in (rescaled, x))
    torch.testing.assert_close(found.value, expected.value, atol=1e-5, rtol=0)
    assert found.value[0] > 0.95  # what small units tell is not lost


@pytest.mark.parametrize(("ratio", "standardised"), [(990, False), (1010, True)])
def test_units_are_standardised_where_they_spread_by_more_than_a_thousand(ratio, standardised):
    x = normal(200, 4)
    x = (x - x.mean(0)) / x.std(0) * np.array([1.0, 1.0, 1.0, ratio])
    x, fold = np.column_stack([x, np.zeros(200), np.full(200, 5.0)]), np.arange(200) % 5
    moments = moments_of(x, normal(200, 2, seed=4), fold)
    fit = ridge.Ridge(moments, (0,), dtype=torch.float64)
    assert (fit.s[-1] / fit.s[fit.s > 0][0] < 10) == standardised


def test_probes_are_of_units_as_they_are():
    x, z = CASES["units of very different sizes"]
    fold = folds_of(len(x))
    moments = moments_of(x, z, fold).centred()
    fit = ridge.Ridge(moments, (2,), dtype=torch.float64)
    weights, constants = fit.probes(moments.z, moments.xz, shrinkage=fit.shrinkage(torch.full((5,), 0.1)))
    kept = fold != 2
    deviation = x[kept].std(0)
    peer = Ridge(alpha=0.1 * kept.sum()).fit(x[kept] / deviation, z[kept])
    np.testing.assert_allclose(weights.numpy(), peer.coef_.T / deviation[:, None], rtol=1e-6)
    told = (x - moments.origin_x.numpy()) @ weights.numpy() + (constants + moments.origin_z).numpy()
    np.testing.assert_allclose(told, peer.predict(x / deviation), atol=1e-6 * np.abs(z).max())


def test_a_feature_that_is_linear_in_the_layer_has_v_information_1():
    x = normal(300, 10)
    value = measured(x, signal(x, 6, 0.0) + 3, folds_of(300)).value
    np.testing.assert_allclose(value.numpy(), 1, atol=1e-6)


@pytest.mark.parametrize(("n", "d"), [(1000, 10), (200, 100)])
def test_independent_noise_has_v_information_0_within_its_interval(n, d):
    x, z = normal(n, d), normal(n, 300, seed=1)
    value = measured(x, z, folds_of(n)).value.numpy()
    mean, error = value.mean(), value.std() / np.sqrt(len(value))
    # Each of 300 independent features is one draw. A probe that is fitted to noise loses at most what plain
    # least squares does, d / n of the variance or so, and the penalty takes nearly all of that back.
    assert mean - 4 * error <= 0
    assert mean + 4 * error >= -0.5 * min(1, d / (0.8 * n))
    assert np.abs(value).max() < 0.2


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_signal_and_noise_have_the_signals_share(share):
    n, d = 20_000, 8
    x = normal(n, d)
    w = normal(d, 40, seed=1)
    clean = x @ w / np.linalg.norm(w, axis=0)  # unit variance in expectation
    z = np.sqrt(share) * clean + np.sqrt(1 - share) * normal(n, 40, seed=2)
    value = measured(x, z, folds_of(n)).value.numpy()
    # The standard error of a coefficient of determination (Wishart 1931): 2 √ρ (1 − ρ) / √n; the fit costs d / n more.
    error = 2 * np.sqrt(share) * (1 - share) / np.sqrt(n)
    np.testing.assert_allclose(value, share, atol=4 * error + 2 * d / n)
    assert value.mean() == pytest.approx(share, abs=4 * error / np.sqrt(40) + 2 * d / n)


@pytest.mark.parametrize("constant", [0.0, 0.1, 3.7, 1e6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_code_is_missing_and_leaves_the_others_alone(constant, dtype):
    x, z = (a.astype(dtype) for a in CASES["more images than units"])
    fold = folds_of(len(x))
    with_constant = np.column_stack([z[:, :2], np.full(len(x), constant, dtype), z[:, 2:]])
    found, others = measured(x, with_constant, fold), [0, 1, 3, 4, 5]
    assert found.value.isnan().tolist() == [False, False, True, False, False, False]
    torch.testing.assert_close(found.value[others], measured(x, z, fold).value)
    cka = linear_cka(moments_of(x, with_constant, fold))
    assert cka.isnan().tolist() == [False, False, True, False, False, False]


def test_a_feature_that_a_fold_never_shows_is_finite():
    x, z = CASES["more images than units"]
    fold = folds_of(len(x))
    shown = [np.where(fold == 0, 0, z[:, 0]), np.where(fold == 0, z[:, 0], 0), np.eye(1, len(x), 7)[0]]
    found = measured(x, np.column_stack(shown), fold)
    assert found.value.isfinite().all()
    np.testing.assert_allclose(found.value.numpy(), independent(x, np.column_stack(shown), fold)[0], atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("constant", [0, 0.1, 0.7, 5, 1234.567])
@pytest.mark.parametrize("units", [1, 4])
def test_a_layer_that_never_changes_tells_nothing(constant, units, dtype):
    value = measured(np.full((60, units), constant, dtype), normal(60, 3).astype(dtype), folds_of(60)).value
    np.testing.assert_allclose(value.numpy(), 0, atol=1e-6)


def test_the_origin_of_the_moments_does_not_matter():
    x, z = CASES["more images than units"]
    moments = moments_of(x, z, folds_of(len(x)))
    found = v_information(moments.about(moments.origin_x + 2, moments.origin_z - 3), PENALTIES)
    torch.testing.assert_close(found.value, v_information(moments, PENALTIES).value)


@pytest.mark.parametrize("block", [1, 2, 1000])
def test_the_size_of_a_block_of_features_does_not_matter(block):
    x, z = CASES["codes as they are, mostly zero"]
    fold = folds_of(len(x))
    found, expected = measured(x, z, fold, block=block), measured(x, z, fold)
    for name in ("value", "sse", "sst", "penalty"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize("name", ["more images than units", "more units than images", "units far from zero"])
def test_linear_cka_is_its_definition_with_centred_gram_matrices(name):
    x, z = (a.astype(np.float64) for a in CASES[name])
    n = len(x)
    centre = np.eye(n) - 1 / n
    k = centre @ x @ x.T @ centre
    expected = []
    for column in z.T:
        g = centre @ np.outer(column, column) @ centre
        expected.append((k * g).sum() / np.sqrt((k * k).sum() * (g * g).sum()))
    moments = moments_of(x, z, folds_of(n))
    np.testing.assert_allclose(linear_cka(moments).numpy(), expected, rtol=1e-5)
    elsewhere = moments.about(moments.origin_x + 2, moments.origin_z - 3)
    np.testing.assert_allclose(linear_cka(elsewhere).numpy(), expected, rtol=1e-5)


def test_linear_cka_of_a_feature_with_a_layer_of_itself_is_1_and_with_a_constant_layer_0():
    z = normal(40, 1)
    fold = folds_of(40)
    assert linear_cka(moments_of(2 * z + 1, z, fold)).item() == pytest.approx(1)
    assert linear_cka(moments_of(0 * z, z, fold)).item() == 0
