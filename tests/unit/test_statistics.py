from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from strata import statistics
from strata.statistics import Estimate, bootstrap, corrected, jackknife, pearson, spearman


def mean(x):
    return x.mean(-1)


def correlated(n, seed=0, ties=False):
    pairs = np.random.default_rng(seed).normal(size=(n, 2)) @ [[1, 0.4], [0, 1]]
    return pairs.round() if ties else pairs


def test_pearson_is_the_correlation_of_numpy():
    pairs = correlated(50)
    assert pearson(pairs) == pytest.approx(np.corrcoef(pairs.T)[0, 1], abs=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_spearman_is_that_of_scipy_with_and_without_ties(ties):
    pairs = correlated(80, ties=ties)
    assert (len(np.unique(pairs[:, 0])) < 20) == ties
    assert spearman(pairs) == pytest.approx(stats.spearmanr(*pairs.T).statistic, abs=1e-12)


@pytest.mark.parametrize("correlation", [pearson, spearman])
def test_many_samples_at_once_give_what_each_gives_alone(correlation):
    samples = np.stack([correlated(30, seed, ties=seed % 2 == 1) for seed in range(6)])
    expected = [correlation(sample) for sample in samples]
    np.testing.assert_allclose(correlation(samples), expected, rtol=1e-12)


@pytest.mark.parametrize(("slope", "r"), [(3.0, 1.0), (-0.1, -1.0)])
def test_pearson_of_a_line_is_its_sign(slope, r):
    x = np.arange(5.0)
    assert pearson(np.column_stack([x, slope * x + 7])) == pytest.approx(r)


@pytest.mark.parametrize("correlation", [pearson, spearman])
def test_a_correlation_with_a_constant_is_not_defined(correlation):
    # 0.1 is no binary fraction: its mean over five differs from it in the last bits
    assert np.isnan(correlation(np.column_stack([np.full(5, 0.1), np.arange(5.0)])))


def test_spread_is_between_the_outer_tenths():
    x = np.random.default_rng(0).normal(size=(3, 40, 1))
    expected = [np.percentile(own, 90) - np.percentile(own, 10) for own in x]
    np.testing.assert_allclose(statistics.spread(x), expected)


def test_effect_sizes_are_those_that_student_tests_imply():
    rng = np.random.default_rng(1)
    before, after = rng.normal(0, 1, size=(30, 1)), rng.normal(0.5, 2, size=(45, 1))
    t = stats.ttest_ind(after[:, 0], before[:, 0]).statistic
    assert statistics.cohens_d(before, after) == pytest.approx(t * np.sqrt(1 / 30 + 1 / 45))
    assert statistics.mean_change(before, after) == pytest.approx(after.mean() - before.mean())
    pairs = rng.normal([1, 0], 1, size=(25, 2))
    assert statistics.paired_d(pairs) == pytest.approx(stats.ttest_rel(*pairs.T).statistic / 5)
    assert statistics.mean_difference(pairs) == pytest.approx(pairs[:, 0].mean() - pairs[:, 1].mean())


def test_an_effect_without_variation_has_no_size():
    assert np.isnan(statistics.cohens_d(np.zeros((3, 1)), np.ones((3, 1))))
    assert np.isnan(statistics.paired_d(np.array([[1.0, 0.0]])))


def test_the_interval_of_a_mean_is_the_normal_one_when_n_is_large():
    x = np.random.default_rng(1).normal(2.0, 3.0, size=2000)
    e = bootstrap(mean, [x], null=0.0, resamples=2000, confidence=0.95, seed=0)
    error = x.std() / np.sqrt(len(x))
    assert e.value == pytest.approx(x.mean())
    assert e.low == pytest.approx(x.mean() - 1.96 * error, abs=0.2 * error)
    assert e.high == pytest.approx(x.mean() + 1.96 * error, abs=0.2 * error)


def test_the_interval_of_a_correlation_is_that_of_resampling_one_by_one():
    pairs, rng = correlated(60), np.random.default_rng(1)
    e = bootstrap(pearson, [pairs], null=0.0, resamples=4000, confidence=0.9, seed=0)
    draws = [np.corrcoef(pairs[rng.integers(60, size=60)].T)[0, 1] for _ in range(4000)]
    assert (e.low, e.high) == pytest.approx(np.percentile(draws, [5, 95]), abs=0.02)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(2)
    covered = [
        e.low <= 0 <= e.high
        for i in range(300)
        for e in [bootstrap(mean, [rng.normal(size=50)], null=0.0, resamples=200, confidence=0.9, seed=i)]
    ]
    # 90 % of 300, give or take four binomial standard errors and the percentile interval's known small shortfall
    assert 0.81 <= np.mean(covered) <= 0.97


def test_more_confidence_is_a_wider_interval():
    x = np.random.default_rng(3).normal(size=60)
    widths = [
        e.high - e.low
        for c in (0.5, 0.9, 0.99)
        for e in [bootstrap(mean, [x], null=0.0, resamples=1000, confidence=c, seed=0)]
    ]
    assert all(a < b for a, b in pairwise(widths))


def test_groups_are_resampled_apart():
    first, second = np.zeros(10), np.ones(20)
    e = bootstrap(lambda a, b: mean(b) - mean(a), [first, second], null=0.0, resamples=100, confidence=0.95, seed=0)
    assert (e.value, e.low, e.high) == (1.0, 1.0, 1.0)


def test_all_resamples_count_however_many_fit_into_one_array(monkeypatch):
    x = np.random.default_rng(6).normal(size=(50, 2))
    whole = bootstrap(pearson, [x], null=0.0, resamples=130, confidence=0.95, seed=0)
    monkeypatch.setattr(statistics, "_AT_ONCE", 50 * 40)  # 40 at a time, 10 in the end
    assert bootstrap(pearson, [x], null=0.0, resamples=130, confidence=0.95, seed=0) == whole


def test_a_statistic_that_mixes_resamples_is_refused():
    with pytest.raises(TypeError, match="one value a resample"):
        bootstrap(lambda x: float(x.mean()), [np.arange(9.0)], null=0.0, resamples=100, confidence=0.95, seed=0)


def test_the_p_value_is_large_at_the_estimate_and_small_but_never_zero_far_from_it():
    x = np.random.default_rng(4).normal(size=80)
    near, far = (
        bootstrap(mean, [x], null=null, resamples=999, confidence=0.95, seed=0).p_value for null in (x.mean(), 100.0)
    )
    assert near > 0.8
    assert far == pytest.approx(2 / 1000)


@pytest.mark.parametrize("centre", [0.0, 0.1, 0.15, 0.2, 0.4, -0.15, -0.4])
def test_the_p_value_of_equivalence_is_that_of_two_one_sided_tests(centre):
    x = np.random.default_rng(5).normal(size=400)
    x += centre - x.mean()
    e = bootstrap(mean, [x], null=(-0.25, 0.25), resamples=20_000, confidence=0.95, seed=0)
    error = x.std() / 20
    # doubled, so that it is below 5 % where the 95 % interval is within the margin
    expected = 2 * max(stats.norm.sf((0.25 - centre) / error), stats.norm.sf((0.25 + centre) / error))
    assert e.p_value == pytest.approx(min(1, expected), rel=0.15, abs=0.003)
    assert (e.p_value < 0.05) == (e.low > -0.25 and e.high < 0.25)


def test_corrected_p_values_are_those_of_benjamini_and_hochberg():
    p = np.random.default_rng(0).uniform(size=12) ** 3
    ranked = sorted(p)
    # by hand: the smallest m p / rank among those that are no smaller
    expected = [min(1.0, *(12 * q / (rank + 1) for rank, q in enumerate(ranked) if q >= own)) for own in p]
    assert corrected(p) == pytest.approx(expected)
    assert corrected([0.01, 0.02, 0.03, 0.5]) == pytest.approx([0.04, 0.04, 0.04, 0.5])


def test_a_p_value_that_is_not_defined_does_not_count():
    found = corrected([0.01, float("nan"), 0.04])
    assert found[0::2] == pytest.approx(corrected([0.01, 0.04]))
    assert np.isnan(found[1])
    assert np.isnan(corrected([float("nan")])).all()


def test_the_jackknife_of_a_mean_is_students_interval_of_the_groups():
    groups = np.random.default_rng(0).normal(3, 2, size=(5, 40))
    without = [np.delete(groups, i, 0).mean() for i in range(5)]
    expected = stats.ttest_1samp(groups.mean(1), 0).confidence_interval(0.9)
    assert jackknife(groups.mean(), without, confidence=0.9) == pytest.approx(tuple(expected))


def test_jackknife_intervals_of_few_groups_cover_the_truth_as_often_as_they_say():
    """A normal instead of Student's interval would cover 88 %."""
    rng, covered = np.random.default_rng(1), []
    for _ in range(800):
        groups = rng.normal(size=(5, 60))
        without = [np.delete(groups, i, 0).var() for i in range(5)]
        low, high = jackknife(groups.var(), without, confidence=0.95)
        covered.append(low <= 1 <= high)
    assert 0.92 <= np.mean(covered) <= 0.98


def test_the_seed_alone_decides_the_draws():
    x = np.random.default_rng(5).normal(size=30)
    first, again, other = (
        bootstrap(mean, [x], null=0.0, resamples=100, confidence=0.95, seed=seed) for seed in (7, 7, 8)
    )
    assert first == again
    assert first.low != other.low
    assert isinstance(first, Estimate)


@pytest.mark.parametrize(
    ("statistic", "rows"), [(pearson, np.ones((9, 2))), (mean, np.empty(0))], ids=["constant", "no rows"]
)
def test_an_undefined_statistic_is_nan_throughout(statistic, rows):
    e = bootstrap(statistic, [rows], null=0.0, resamples=100, confidence=0.95, seed=0)
    assert np.isnan([e.value, e.low, e.high, e.p_value]).all()
