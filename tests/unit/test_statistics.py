from itertools import pairwise

import numpy as np
import pytest

from strata.statistics import Estimate, bootstrap, pearson


def mean(x):
    return float(x.mean())


def test_pearson_is_the_correlation_of_numpy():
    pairs = np.random.default_rng(0).normal(size=(50, 2)) @ [[1, 0.4], [0, 1]]
    assert pearson(pairs) == pytest.approx(np.corrcoef(pairs.T)[0, 1], abs=1e-12)


@pytest.mark.parametrize(("slope", "r"), [(3.0, 1.0), (-0.1, -1.0)])
def test_pearson_of_a_line_is_its_sign(slope, r):
    x = np.arange(5.0)
    assert pearson(np.column_stack([x, slope * x + 7])) == pytest.approx(r)


def test_pearson_with_a_constant_is_not_defined():
    assert np.isnan(pearson(np.column_stack([np.ones(5), np.arange(5.0)])))


def test_the_interval_of_a_mean_is_the_normal_one_when_n_is_large():
    x = np.random.default_rng(1).normal(2.0, 3.0, size=2000)
    e = bootstrap(mean, [x], null=0.0, resamples=2000, confidence=0.95, seed=0)
    error = x.std() / np.sqrt(len(x))
    assert e.value == pytest.approx(x.mean())
    assert e.low == pytest.approx(x.mean() - 1.96 * error, abs=0.2 * error)
    assert e.high == pytest.approx(x.mean() + 1.96 * error, abs=0.2 * error)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(2)
    covered = [
        e.low <= 0 <= e.high
        for i in range(300)
        for e in [bootstrap(mean, [rng.normal(size=50)], 0.0, 200, 0.9, seed=i)]
    ]
    # 90 % of 300, give or take four binomial standard errors and the percentile interval's known small shortfall
    assert 0.81 <= np.mean(covered) <= 0.97


def test_more_confidence_is_a_wider_interval():
    x = np.random.default_rng(3).normal(size=60)
    widths = [e.high - e.low for c in (0.5, 0.9, 0.99) for e in [bootstrap(mean, [x], 0.0, 1000, c, seed=0)]]
    assert all(a < b for a, b in pairwise(widths))


def test_groups_are_resampled_apart():
    first, second = np.zeros(10), np.ones(20)
    e = bootstrap(lambda a, b: mean(b) - mean(a), [first, second], 0.0, 100, 0.95, seed=0)
    assert (e.value, e.low, e.high) == (1.0, 1.0, 1.0)


def test_the_p_value_is_large_at_the_estimate_and_small_but_never_zero_far_from_it():
    x = np.random.default_rng(4).normal(size=80)
    near, far = (bootstrap(mean, [x], null, 999, 0.95, seed=0).p_value for null in (x.mean(), 100.0))
    assert near > 0.8
    assert far == pytest.approx(2 / 1000)


def test_the_seed_alone_decides_the_draws():
    x = np.random.default_rng(5).normal(size=30)
    first, again, other = (bootstrap(mean, [x], 0.0, 100, 0.95, seed) for seed in (7, 7, 8))
    assert first == again
    assert first.low != other.low
    assert isinstance(first, Estimate)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("statistic", "rows"), [(pearson, np.ones((9, 2))), (mean, np.empty(0))], ids=["constant", "no rows"]
)
def test_an_undefined_statistic_is_nan_throughout(statistic, rows):
    e = bootstrap(statistic, [rows], 0.0, 100, 0.95, seed=0)
    assert np.isnan([e.value, e.low, e.high, e.p_value]).all()
