"""Estimates and intervals, beside scipy, numpy and textbook formulas."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from strata.claims import testing
from strata.claims.registry import WIDTH
from strata.config.keys import Questions
from strata.statistics import (
    FEWEST_GROUPS,
    FISHER,
    MOST_GROUPS,
    PLAIN,
    Estimate,
    Rows,
    cohens_d,
    corrected,
    difference,
    groups_of,
    jackknifed,
    mean_change,
    mean_difference,
    over_groups,
    over_networks,
    over_seeds,
    paired_d,
    pearson,
    ratio,
    spearman,
    spread,
    student,
    widening,
)


def correlated(n, seed=0, ties=False):
    pairs = np.random.default_rng(seed).normal(size=(n, 2)) @ [[1, 0.4], [0, 1]]
    return pairs.round() if ties else pairs


def numbers(e):
    return [e.value, e.low, e.high, e.p_value]


def of_mean(values, groups, *, null=0.0, confidence=0.95):
    return over_groups(np.mean, [Rows(values, groups)], null=null, confidence=confidence)


# Statistics.


def test_pearson_is_the_correlation_of_numpy():
    pairs = correlated(50)
    assert pearson(pairs) == pytest.approx(np.corrcoef(pairs.T)[0, 1], abs=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_spearman_is_that_of_scipy_with_and_without_ties(ties):
    pairs = correlated(80, ties=ties)
    assert (len(np.unique(pairs[:, 0])) < 20) == ties
    assert spearman(pairs) == pytest.approx(stats.spearmanr(*pairs.T).statistic, abs=1e-12)


@pytest.mark.parametrize("given", [1, 2, 3])
def test_a_partial_correlation_is_that_of_the_residuals_and_of_the_precision_matrix(given):
    rng = np.random.default_rng(given)
    columns = rng.normal(size=(60, 2 + given)) @ rng.normal(size=(2 + given, 2 + given))
    design = np.column_stack([np.ones(60), columns[:, 2:]])
    left = columns[:, :2] - design @ np.linalg.solve(design.T @ design, design.T @ columns[:, :2])
    assert pearson(columns) == pytest.approx(np.corrcoef(left.T)[0, 1], abs=1e-10)
    precision = np.linalg.inv(np.corrcoef(stats.rankdata(columns, axis=0).T))
    expected = -precision[0, 1] / np.sqrt(precision[0, 0] * precision[1, 1])
    assert spearman(columns) == pytest.approx(expected, abs=1e-10)


def test_what_a_third_column_makes_goes_when_it_is_held_fixed():
    rng = np.random.default_rng(0)
    third = rng.normal(size=2000)
    columns = np.column_stack([third + rng.normal(size=2000), third + rng.normal(size=2000), third])
    assert pearson(columns[:, :2]) == pytest.approx(0.5, abs=0.05)
    assert pearson(columns) == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("correlation", [pearson, spearman])
@pytest.mark.parametrize(("slope", "sign"), [(3.0, 1.0), (-0.1, -1.0)])
def test_the_correlation_of_a_line_is_its_sign(correlation, slope, sign):
    x = np.arange(5.0)
    assert correlation(np.column_stack([x, slope * x + 7])) == pytest.approx(sign)


def test_a_correlation_does_not_depend_on_units_or_origin():
    columns = np.random.default_rng(0).normal(size=(40, 3))
    columns[:, 1] += columns[:, 0]
    assert pearson(columns * [1e-6, 1e6, 3] + [0, 1e7, -1]) == pytest.approx(pearson(columns), abs=1e-6)


@pytest.mark.parametrize("correlation", [pearson, spearman])
@pytest.mark.parametrize(
    "columns",
    [
        # 0.1 is no binary fraction: its mean over five differs from it in the last bits
        np.column_stack([np.full(5, 0.1), np.arange(5.0)]),
        np.column_stack([np.arange(5.0), np.full(5, 0.1)]),
        np.column_stack([np.arange(9.0), np.random.default_rng(0).normal(size=9), 2 * np.arange(9.0) + 1]),
        np.array([[0.0, 1.0], [1.0, 0.0]]),
        np.empty((0, 2)),
    ],
    ids=["first constant", "second constant", "all told by a third", "two rows", "no rows"],
)
def test_a_correlation_that_is_not_defined_is_nan(correlation, columns):
    assert np.isnan(correlation(columns))


def test_a_constant_that_is_held_fixed_changes_nothing():
    pairs = correlated(30)
    assert pearson(np.column_stack([pairs, np.full(30, 0.1)])) == pytest.approx(pearson(pairs))


@pytest.mark.parametrize("n", [1, 2, 40])
def test_spread_is_between_the_outer_tenths_of_harrell_and_davis(n):
    x = np.random.default_rng(0).normal(size=(n, 1))
    low, high = stats.mstats.hdquantiles(x[:, 0], [0.1, 0.9]) if n > 1 else (0, 0)
    assert spread(x) == pytest.approx(high - low, abs=1e-12)


def test_spread_of_many_is_that_of_percentiles():
    x = np.random.default_rng(0).normal(size=(20_000, 1))
    assert spread(x) == pytest.approx(np.percentile(x, 90) - np.percentile(x, 10), rel=0.005)
    assert spread(3 * x + 7) == pytest.approx(3 * spread(x))


def test_the_spread_of_a_constant_is_zero():
    assert spread(np.full((9, 1), 0.3)) == pytest.approx(0)


def test_effect_sizes_are_those_that_student_tests_imply():
    rng = np.random.default_rng(1)
    before, after = rng.normal(0, 1, size=(30, 1)), rng.normal(0.5, 2, size=(45, 1))
    t = stats.ttest_ind(after[:, 0], before[:, 0]).statistic
    assert cohens_d(before, after) == pytest.approx(t * np.sqrt(1 / 30 + 1 / 45))
    assert mean_change(before, after) == pytest.approx(after.mean() - before.mean())
    pairs = rng.normal([1, 0], 1, size=(25, 2))
    assert paired_d(pairs) == pytest.approx(stats.ttest_rel(*pairs.T).statistic / 5)
    assert mean_difference(pairs) == pytest.approx(pairs[:, 0].mean() - pairs[:, 1].mean())


def test_an_effect_without_variation_has_no_size():
    assert np.isnan(cohens_d(np.zeros((3, 1)), np.ones((3, 1))))
    assert np.isnan(cohens_d(np.zeros((1, 1)), np.ones((1, 1))))
    assert np.isnan(paired_d(np.array([[1.0, 0.0]])))
    assert (ratio(3, 2), ratio(0, 2)) == (1.5, 0)
    assert np.isnan(ratio(1, 0))


# Groups.


def test_rows_of_a_class_are_one_group():
    classes = [str(i % 12) for i in range(100)]
    groups = groups_of(classes)
    assert len(np.unique(groups)) == 12
    assert all(len({groups[i] for i in range(100) if classes[i] == c}) == 1 for c in set(classes))


def test_with_few_classes_every_row_is_a_group():
    for count in (1, FEWEST_GROUPS - 1):
        assert groups_of(np.arange(MOST_GROUPS) % count).tolist() == list(range(MOST_GROUPS))
    assert len(np.unique(groups_of(np.arange(24) % FEWEST_GROUPS))) == FEWEST_GROUPS


def test_less_trust_is_fewer_degrees_of_freedom():
    rows = [Rows(np.random.default_rng(0).normal(size=(40, 1)), np.arange(40) % 11)]
    full, half = (over_groups(spread, rows, null=0.0, confidence=0.95, trust=trust) for trust in (1.0, 0.5))
    assert (full.free, half.free) == (10, 5)
    assert half.error == full.error
    assert half.high - half.value == pytest.approx(stats.t.ppf(0.975, 5) * full.error)


@pytest.mark.parametrize(("n", "classes"), [(100, 100), (1000, 1000), (1000, 10)])
def test_the_interval_of_a_spread_covers_the_truth_as_often_as_it_says(n, classes):
    """Percentiles without weights of their neighbours covered 85 % of 100 uniform values, left out two by two.

    Half the degrees of freedom, in place of a quarter, cover 88 % where a fifth of the variance is that of 10 classes.
    """
    rng, of = np.random.default_rng(2), np.arange(n) % classes
    told = []
    for _ in range(500):
        x = np.sqrt(0.8) * rng.normal(size=n) + np.sqrt(0.2) * rng.normal(size=classes)[of]
        rows = Rows(stats.norm.cdf(x)[:, None], groups_of(of))
        told.append(over_groups(spread, [rows], null=0.0, confidence=0.95, trust=WIDTH.trust))
    assert np.mean([e.low <= 0.8 <= e.high for e in told]) >= 0.93 - 0.02  # two binomial standard errors


@pytest.mark.parametrize("count", [64, 1000])
def test_many_classes_are_joined_and_none_is_torn(count):
    classes = np.arange(3000) % count
    groups = groups_of(classes)
    assert len(np.unique(groups)) == MOST_GROUPS
    assert all(len(np.unique(groups[classes == c])) == 1 for c in range(count))
    sizes = np.bincount(groups)
    assert sizes.max() <= 2 * sizes.min()


# The jackknife over groups.


def test_the_jackknife_of_a_mean_is_students_interval_of_the_groups():
    values = np.random.default_rng(0).normal(3, 2, size=(10, 40))
    e = of_mean(values.ravel(), np.repeat(np.arange(10), 40), null=2.9, confidence=0.9)
    test = stats.ttest_1samp(values.mean(1), 2.9)
    assert e.value == pytest.approx(values.mean())
    assert (e.low, e.high) == pytest.approx(tuple(test.confidence_interval(0.9)))
    assert e.p_value == pytest.approx(test.pvalue)
    assert (e.error, e.free) == (pytest.approx(stats.sem(values.mean(1))), 9)


def test_the_error_of_a_statistic_is_that_of_the_textbook():
    """(g − 1)/g Σ(θ₋ᵢ − mean θ₋)² (Efron & Tibshirani 1993, 11.5), here of a variance, row by row."""
    x = np.random.default_rng(1).exponential(size=17)
    without = [np.var([own for j, own in enumerate(x) if j != i]) for i in range(17)]
    expected = np.sqrt(16 / 17 * sum((v - sum(without) / 17) ** 2 for v in without))
    e = over_groups(np.var, [Rows(x, np.arange(17))], null=0.0, confidence=0.95)
    assert e.error == pytest.approx(expected)
    assert (e.high - e.low) / 2 == pytest.approx(stats.t.ppf(0.975, 16) * expected)
    assert e == jackknifed(float(np.var(x)), without, confidence=0.95)


def test_the_interval_of_a_correlation_is_one_of_fishers_z():
    pairs = correlated(60)
    z = np.arctanh([stats.spearmanr(*np.delete(pairs, i, 0).T).statistic for i in range(60)])
    half = stats.t.ppf(0.975, 59) * np.sqrt(59 / 60 * ((z - z.mean()) ** 2).sum())
    e = over_groups(spearman, [Rows(pairs, np.arange(60))], null=0.0, confidence=0.95, scale=FISHER)
    centre = np.arctanh(stats.spearmanr(*pairs.T).statistic)
    assert (e.low, e.high) == pytest.approx((np.tanh(centre - half), np.tanh(centre + half)))
    assert e.p_value == pytest.approx(2 * stats.t.sf(abs(centre) / half * stats.t.ppf(0.975, 59), 59))
    # of independent pairs, nearly what Fisher's z is known to vary by (Bonett & Wright 2000)
    assert e.error == pytest.approx(np.sqrt((1 + e.value**2 / 2) / 57), rel=0.25)


def test_a_group_is_left_out_of_all_parts_at_once():
    rng = np.random.default_rng(2)
    of_class = np.arange(9.0)
    before, after = (of_class[:, None] + 0.01 * rng.normal(size=(9, 5)) for _ in range(2))
    groups = np.repeat(np.arange(9), 5)
    parts = [Rows(own.reshape(-1, 1), groups) for own in (before, after)]
    e = over_groups(mean_change, parts, null=0.0, confidence=0.95)
    steps = after.mean(1) - before.mean(1)
    assert (e.low, e.high) == pytest.approx(tuple(stats.ttest_1samp(steps, 0).confidence_interval(0.95)))


def test_clustered_rows_make_a_wider_interval_than_rows_taken_one_by_one():
    rng = np.random.default_rng(3)
    values = (rng.normal(size=10)[:, None] + 0.1 * rng.normal(size=(10, 5))).ravel()
    clustered, one_by_one = of_mean(values, np.repeat(np.arange(10), 5)), of_mean(values, np.arange(50))
    assert clustered.high - clustered.low > 2 * (one_by_one.high - one_by_one.low)


def test_a_statistic_that_is_not_defined_without_a_group_does_without_it():
    pairs = np.column_stack([np.r_[np.zeros(9), 1.0], np.arange(10.0)])  # constant without the last row
    e = over_groups(pearson, [Rows(pairs, np.arange(10))], null=0.0, confidence=0.95, scale=FISHER)
    assert np.isfinite(numbers(e)).all()
    assert e.free == 8


@pytest.mark.parametrize(
    ("statistic", "rows"),
    [
        (pearson, Rows(np.ones((9, 2)), np.arange(9))),
        (np.mean, Rows(np.empty(0), np.empty(0, int))),
        (np.mean, Rows(np.arange(9.0), np.zeros(9, int))),
        (np.mean, Rows(np.r_[np.nan, np.arange(9.0)], np.arange(10))),
    ],
    ids=["constant", "no rows", "one group", "NaN"],
)
def test_what_is_not_defined_is_nan_throughout(statistic, rows):
    assert np.isnan(numbers(over_groups(statistic, [rows], null=0.0, confidence=0.95))).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_perfect_correlation_is_certain(sign):
    x = np.arange(20.0)
    rows = Rows(np.column_stack([x, sign * x]), np.arange(20))
    e = over_groups(spearman, [rows], null=0.0, confidence=0.95, scale=FISHER)
    assert (e.value, e.low, e.high) == pytest.approx((sign,) * 3)
    assert -1 <= e.low <= e.high <= 1
    assert e.p_value == pytest.approx(0)


def test_more_confidence_is_a_wider_interval():
    x = np.random.default_rng(3).normal(size=60)
    widths = [e.high - e.low for c in (0.5, 0.9, 0.99) for e in [of_mean(x, np.arange(60), confidence=c)]]
    assert all(a < b for a, b in pairwise(widths))


def test_nothing_is_drawn_at_random():
    rows = Rows(correlated(60), groups_of(np.arange(60) % 12))
    told = []
    for seed in (0, 1):
        np.random.seed(seed)
        told.append(over_groups(spearman, [rows], null=0.0, confidence=0.95, scale=FISHER))
    assert told[0] == told[1]
    order = np.random.default_rng(0).permutation(60)
    shuffled = Rows(rows.values[order], rows.groups[order])
    again = over_groups(spearman, [shuffled], null=0.0, confidence=0.95, scale=FISHER)
    assert numbers(again) == pytest.approx(numbers(told[0]))


def test_folds_share_their_probes():
    # Nadeau & Bengio (2003): 1/k + n₂/n₁ in place of 1/k, with a k-th of the images held out
    assert widening(5) == pytest.approx(np.sqrt((1 / 5 + 0.2 / 0.8) / (1 / 5)))
    values = np.random.default_rng(0).normal(size=5)
    plain, wide = (jackknifed(0.0, values, confidence=0.95, inflation=by) for by in (1.0, widening(5)))
    assert wide.high == pytest.approx(1.5 * plain.high)


@pytest.mark.parametrize(("statistic", "truth"), [(np.mean, 0.0), (np.var, 1.0)])
def test_intervals_of_few_groups_cover_the_truth_as_often_as_they_say(statistic, truth):
    """A normal instead of Student's interval would cover 91 %."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(8), 40)
    told = [
        over_groups(statistic, [Rows(rng.normal(size=320), groups)], null=0.0, confidence=0.95) for _ in range(1000)
    ]
    covered = np.mean([e.low <= truth <= e.high for e in told])
    assert 0.93 <= covered <= 0.97  # three binomial standard errors


# Over networks.


@pytest.mark.parametrize("count", [2, 3, 10])
def test_over_seeds_is_students_test_of_one_value_a_network(count):
    values = np.random.default_rng(count).normal(0.4, 0.3, size=count)
    e = over_seeds(values, null=0.1, confidence=0.9)
    test = stats.ttest_1samp(values, 0.1)
    expected = [values.mean(), *test.confidence_interval(0.9), test.pvalue]
    assert numbers(e) == pytest.approx(expected)


def test_a_bias_that_networks_share_is_added_to_the_error_of_their_mean():
    rng = np.random.default_rng(1)
    each = [
        over_groups(lambda x: float(x.mean() ** 2), [Rows(x[:, None], np.arange(20))], null=0.0, confidence=0.95)
        for x in rng.normal(size=(6, 20))
    ]
    # The square of a mean is too large by the variance of the mean.
    assert np.mean([e.bias for e in each]) == pytest.approx(1 / 20, rel=0.5)
    e, values = over_networks(each, null=0.0, confidence=0.95, biased=True), [e.value for e in each]
    assert e.value == pytest.approx(np.mean(values))
    assert e.error == pytest.approx(np.hypot(stats.sem(values), np.mean([e.bias for e in each])))
    assert e.free == 5
    assert over_networks(each, null=0.0, confidence=0.95).error == pytest.approx(stats.sem(values))
    mean = over_groups(
        lambda x: float(x.mean()), [Rows(rng.normal(size=(40, 1)), np.arange(40) % 20)], null=0.0, confidence=0.95
    )
    assert mean.bias == pytest.approx(0, abs=1e-12)


def test_correlations_of_networks_are_averaged_on_fishers_z():
    r = np.array([0.2, 0.5, 0.9])
    e = over_seeds(r, null=0.3, confidence=0.95, scale=FISHER)
    test = stats.ttest_1samp(np.arctanh(r), np.arctanh(0.3))
    assert (e.value, e.low, e.high) == pytest.approx(
        np.tanh([np.arctanh(r).mean(), *test.confidence_interval(0.95)]).tolist()
    )
    assert e.p_value == pytest.approx(test.pvalue)


def test_a_network_without_a_value_leaves_nothing_to_say():
    assert np.isnan(numbers(over_seeds([0.1, float("nan"), 0.2], null=0.0, confidence=0.95))).all()


def test_networks_that_agree_wholly_are_certain():
    e = over_seeds([0.25, 0.25, 0.25], null=0.0, confidence=0.95)
    assert numbers(e) == [0.25, 0.25, 0.25, 0.0]
    assert over_seeds([0.25, 0.25], null=0.25, confidence=0.95).p_value == 1


@pytest.mark.parametrize("count", [2, 3, 10])
def test_a_difference_between_networks_is_covered_as_often_as_it_says(count):
    """Pooled rows decided 17 of 40 sets of three networks whose correlations vary by 0.3 in Fisher's z about 0."""
    rng = np.random.default_rng(count)
    told = [
        over_seeds(np.tanh(rng.normal(0, 0.3, count)), null=0.0, confidence=0.95, scale=FISHER) for _ in range(2000)
    ]
    assert np.mean([e.low <= 0 <= e.high for e in told]) == pytest.approx(0.95, abs=0.015)
    assert np.mean([e.p_value < 0.05 for e in told]) == pytest.approx(0.05, abs=0.015)


# Student's t, equivalence, differences.


def test_student_is_the_t_distribution_of_scipy():
    e = student(1.2, 0.5, free=7, null=0.3, confidence=0.8)
    low, high = stats.t.interval(0.8, 7, loc=1.2, scale=0.5)
    assert numbers(e) == pytest.approx([1.2, low, high, 2 * stats.t.sf((1.2 - 0.3) / 0.5, 7)])
    assert (e.error, e.free) == (0.5, 7)


@pytest.mark.parametrize("scale", [PLAIN, FISHER])
def test_a_p_value_is_below_5_percent_just_where_the_null_is_outside_the_interval(scale):
    for null in np.linspace(-0.95, 0.95, 39):
        e = student(scale.to(0.3), 0.2, free=6, null=null, confidence=0.95, scale=scale)
        assert (e.p_value < 0.05) == (not e.low <= null <= e.high)


@pytest.mark.parametrize("centre", [0.0, 0.1, 0.15, 0.2, 0.4, -0.15, -0.4])
def test_the_p_value_of_equivalence_is_that_of_two_one_sided_tests(centre):
    x = np.random.default_rng(5).normal(size=40)
    x += centre - x.mean()
    e = over_seeds(x, null=(-0.25, 0.25), confidence=0.95)
    above = stats.ttest_1samp(x, -0.25, alternative="greater").pvalue
    below = stats.ttest_1samp(x, 0.25, alternative="less").pvalue
    # doubled, so that it is below 5 % where the 95 % interval is within the margin
    assert e.p_value == pytest.approx(min(1, 2 * max(above, below)))
    assert (e.p_value < 0.05) == (e.low > -0.25 and e.high < 0.25)


@pytest.mark.parametrize(("value", "p_value"), [(0.1, 0.0), (0.3, 1.0)])
def test_without_error_equivalence_is_certain_either_way(value, p_value):
    assert over_seeds([value, value], null=(-0.25, 0.25), confidence=0.95).p_value == p_value


def test_a_difference_is_welchs():
    rng = np.random.default_rng(6)
    a, b = rng.normal(1, 1, size=12), rng.normal(0, 3, size=30)
    one, other = (of_mean(x, np.arange(len(x))) for x in (a, b))
    e = difference(one, other, confidence=0.9)
    test = stats.ttest_ind(a, b, equal_var=False)
    expected = [a.mean() - b.mean(), *test.confidence_interval(0.9), test.pvalue]
    assert numbers(e) == pytest.approx(expected)
    assert e.free == pytest.approx(test.df)


def test_a_difference_of_correlations_is_one_of_fishers_z():
    one, other = (over_seeds(r, null=0.0, confidence=0.95, scale=FISHER) for r in ([0.2, 0.4, 0.5], [0.7, 0.9]))
    e = difference(one, other, confidence=0.95, scale=FISHER)
    test = stats.ttest_ind(np.arctanh([0.2, 0.4, 0.5]), np.arctanh([0.7, 0.9]), equal_var=False)
    assert numbers(e)[1:] == pytest.approx([*test.confidence_interval(0.95), test.pvalue])


def test_a_difference_needs_both():
    known = over_seeds([0.1, 0.2], null=0.0, confidence=0.95)
    unknown = over_seeds([0.1, float("nan")], null=0.0, confidence=0.95)
    for pair in ((known, unknown), (unknown, known)):
        assert np.isnan(numbers(difference(*pair, confidence=0.95))).all()


def test_a_difference_of_what_is_certain_is_certain():
    one, other = (Estimate(value, value, value, 0.0, error=0.0, free=3) for value in (0.5, 0.2))
    assert numbers(difference(one, other, confidence=0.95)) == pytest.approx([0.3, 0.3, 0.3, 0])


# Families of p-values.


def test_corrected_p_values_are_those_of_benjamini_and_hochberg():
    p = np.random.default_rng(0).uniform(size=12) ** 3
    ranked = sorted(p)
    # by hand: the smallest m p / rank among those that are no smaller
    expected = [min(1.0, *(12 * q / (rank + 1) for rank, q in enumerate(ranked) if q >= own)) for own in p]
    assert corrected(p) == pytest.approx(expected)
    assert corrected(p) == pytest.approx(stats.false_discovery_control(p))
    assert corrected([0.01, 0.02, 0.03, 0.5]) == pytest.approx([0.04, 0.04, 0.04, 0.5])


def test_correcting_leaves_the_p_values_that_were_given():
    p = np.array([0.01, 0.02, 0.5])
    corrected(p)
    assert p.tolist() == [0.01, 0.02, 0.5]


def test_a_p_value_that_is_not_defined_does_not_count():
    found = corrected([0.01, float("nan"), 0.04])
    assert found[0::2] == pytest.approx(corrected([0.01, 0.04]))
    assert np.isnan(found[1])
    assert np.isnan(corrected([float("nan")])).all()


# Simpson's paradox.


def with_correlation(r, n, seed):
    """Return two columns of mean 0 and variance 1 whose correlation is r, exactly."""
    x, y = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, 2)))[0].T
    x, y = x - x.mean(), y - y.mean()
    y = y - x * (x @ y) / (x @ x)
    x, y = x / x.std(), y / y.std()
    return x, r * x + np.sqrt(1 - r * r) * y


def test_three_networks_that_each_say_yes_do_not_say_no_together():
    n, parts = 120, []
    for seed, (r, shift) in enumerate(zip((0.29, 0.25, 0.44), (-1.0, 0.0, 1.0), strict=True)):
        x, y = with_correlation(r, n, seed)
        values = {"complexity": 0.5 + 0.05 * (x + 1.2 * shift), "importance": 1 + 0.1 * (y - 1.2 * shift)}
        key = {"seed": seed, "feature": np.arange(n), "class": np.arange(n) % 12}
        parts.append(pd.DataFrame({**key, **values}))
    features = pd.concat(parts, ignore_index=True)
    alone = [stats.spearmanr(own["complexity"], own["importance"]).statistic for own in parts]
    assert min(alone) > 0.15
    pooled = stats.spearmanr(features["complexity"], features["importance"])
    assert pooled.statistic < -0.15  # what all rows together say, and with certainty
    assert pooled.pvalue < 0.01
    found = {f.id: f for f in testing.findings(Questions(), features=features)}
    bias = found["q4.simplicity_bias"]
    assert bias.value == pytest.approx(np.tanh(np.arctanh(alone).mean()))
    assert bias.ci_low > 0
    assert bias.alone == bias.verdict == "not supported"
    assert [own["value"] for own in bias.by_seed] == pytest.approx(alone)
    z = np.arctanh(alone)
    half = stats.t.ppf(0.975, 2) * stats.sem(z)
    assert (bias.ci_low, bias.ci_high) == pytest.approx((np.tanh(z.mean() - half), np.tanh(z.mean() + half)))
