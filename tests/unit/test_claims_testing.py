"""Claims, tested: by interval and adjusted p, beside nulls and confounds, gated by controls and by learning."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from strata.claims import testing
from strata.claims.finding import Finding
from strata.claims.registry import CLAIMS as REGISTERED
from strata.claims.registry import CONTINUITY, FEW, RELATED, SPREAD, UNRELATED
from strata.statistics import Estimate

STRONG = 0.5
# claim, what makes its effect positive, what makes it negative, the sign that the claim wants
CLAIMS = [
    ("q1.spectrum", {"spread": 0.8}, {"spread": 0.02}, "positive"),
    ("q2.emergence", {"emergence": STRONG}, {"emergence": -STRONG}, "positive"),
    ("q2.growth", {"growth": STRONG}, {"growth": -STRONG}, "positive"),
    ("q3.teleport", {"teleport": STRONG}, {"teleport": -STRONG}, "negative"),
    ("q3.arrival", {"teleport": STRONG}, {"teleport": -STRONG}, "negative"),
    ("q4.simplicity_bias", {"bias": STRONG}, {"bias": -STRONG}, "negative"),
    ("q4.sedimentation", {"sedimentation": STRONG}, {"sedimentation": -STRONG}, "negative"),
    ("q4.support", {"together": 0.2}, {"together": -0.2}, "positive"),
    ("a.redundancy", {"redundancy": STRONG}, {"redundancy": -STRONG}, "negative"),
    ("a.robustness", {"robustness": STRONG}, {"robustness": -STRONG}, "negative"),
    ("control.random_directions", {"random": 0.2}, {"random": 1.6}, "positive"),
    ("control.untrained", {"trained": 0.2}, {"trained": -0.2}, "positive"),
]
WITHIN = {"q4.simplicity_bias_initial": "bias_initial", "a.local": "local"}
IDS = [name for name, *_ in CLAIMS] + [*WITHIN, "q1.continuity", "a.families", "control.shuffled"]
# By hand: what each claim wants its statistic to exceed, or to be exceeded by.
BOUNDS = {"q1.spectrum": SPREAD, "q2.emergence": RELATED}
BOUNDS |= dict.fromkeys(("q3.teleport", "q3.arrival", "q4.simplicity_bias"), -RELATED)
BOUNDS |= dict.fromkeys(("a.redundancy", "a.robustness"), -RELATED)
OF_LEARNING = ["q1.spectrum", "q2.emergence", "q2.growth", "q3.teleport", "q3.arrival"]
OF_LEARNING += ["q4.simplicity_bias", "q4.sedimentation", "q4.support"]
CORRELATIONS = ["q2.emergence", "q3.teleport", "q3.arrival", "q4.simplicity_bias", "q4.simplicity_bias_initial"]
CORRELATIONS += ["a.redundancy", "a.robustness", "a.local"]
HELD = {"n": 200, "emergence": STRONG, "growth": STRONG, "teleport": -STRONG, "bias": -STRONG, "sedimentation": -STRONG}
HELD |= {"redundancy": -STRONG, "robustness": -STRONG, "together": 0.2}


def by_id(t, settings, **how):
    return {f.id: f for f in testing.findings(settings, **how, **t)}


@pytest.fixture
def tested(settings, monkeypatch):
    """What tests some claims alone, which is faster."""

    def tested(t, *names, **how):
        monkeypatch.setattr(testing, "CLAIMS", [claim for claim in REGISTERED if claim.id in names])
        found = by_id(t, settings, **how)
        return found[names[0]] if len(names) == 1 else found

    return tested


@pytest.mark.parametrize(
    ("name", "effects", "verdict"),
    [
        case
        for name, positive, negative, wanted in CLAIMS
        for case in (
            (name, positive, "supported" if wanted == "positive" else "not supported"),
            (name, negative, "supported" if wanted == "negative" else "not supported"),
        )
    ],
)
def test_a_strong_effect_decides_its_claim_by_its_interval(measured, tested, name, effects, verdict):
    f = tested(measured(**effects), name)
    assert (f.verdict, f.alone, f.because) == (verdict, verdict, [])
    assert f.ci_low <= f.value <= f.ci_high
    bound = BOUNDS.get(name, 0)
    assert f.ci_low > bound or f.ci_high < bound
    assert f.p_value < 0.05


@pytest.mark.parametrize("name", [name for name, *_ in CLAIMS])
def test_no_effect_leaves_a_claim_undecided(measured, tested, name):
    # a spectrum just as wide as the claim's margin, random directions just as wide, and nothing but noise elsewhere
    f = tested(measured(n=40, spread=0.125, random=0.125, trained=0.0, seed=3), name)
    assert f.verdict == f.alone == "undecided"
    assert f.ci_low <= BOUNDS.get(name, 0) <= f.ci_high
    assert f.p_value > 0.05


@pytest.mark.parametrize("name", WITHIN)
@pytest.mark.parametrize(
    ("slope", "n", "verdict"),
    [
        (0, 400, "supported"),  # the interval is within the margin
        (0, 12, "undecided"),  # it is wider than the margin, and about zero
        (STRONG, 120, "not supported"),
        (-STRONG, 120, "not supported"),
    ],
)
def test_no_relation_is_claimed_only_when_the_interval_is_near_zero(measured, tested, name, slope, n, verdict):
    f = tested(measured(n=n, **{WITHIN[name]: slope}), name)
    assert f.verdict == verdict
    assert (f.p_value < 0.05) == (verdict == "supported")  # of equivalence


@pytest.mark.parametrize(
    ("side", "bound", "interval", "p_value", "verdict"),
    [
        ("above", 0.1, (0.11, 0.3), 0.04, "supported"),
        ("above", 0.1, (0.11, 0.3), 0.06, "undecided"),  # adjusted, it is too large
        ("above", 0.1, (0.09, 0.3), 0.04, "undecided"),
        ("above", 0.1, (-0.3, 0.09), 0.04, "not supported"),
        ("above", 0.1, (-0.3, 0.09), 0.06, "undecided"),
        ("below", -0.1, (-0.5, -0.11), 0.04, "supported"),
        ("below", -0.1, (-0.09, 0.3), 0.04, "not supported"),
        ("within", 0.3, (-0.2, 0.29), 0.04, "supported"),
        ("within", 0.3, (-0.2, 0.29), 0.06, "undecided"),
        ("within", 0.3, (-0.2, 0.31), 0.9, "undecided"),
        ("within", 0.3, (0.31, 0.4), 1.0, "not supported"),  # a test for equivalence tells nothing against it
        ("above", 0.1, (math.nan, math.nan), math.nan, "undecided"),
    ],
)
def test_interval_and_adjusted_p_decide_together(side, bound, interval, p_value, verdict):
    claim = next(c for c in REGISTERED if c.side == side)
    e = Estimate(0.0, *interval, 1e-9)
    judged = type(claim)(**{**vars(claim), "bound": bound}).lies(e, confidence=0.95, p_value=p_value)
    assert judged == verdict


def test_a_claim_whose_p_is_too_large_once_adjusted_is_undecided(measured, settings):
    """What interval and p of one claim tell does not last among many."""
    t = measured(emergence=0.09, seed=1)
    noise = [Finding(f"x{i}", "truth", "c", "s", 0.0, -1.0, 1.0, 0.9, 9, "undecided") for i in range(60)]
    alone, among = (by_id(t, settings, also=also)["q2.emergence"] for also in ([], noise))
    assert alone.by_seed[0]["verdict"] == "supported"
    assert alone.p_value == among.p_value < 0.05
    assert among.p_adjusted > 0.05
    assert among.verdict == among.alone == "undecided"
    assert among.because == []


@pytest.mark.parametrize(("shuffled", "verdict"), [(-0.05, "supported"), (0.1, "not supported")])
def test_shuffled_codes_must_not_be_decodable_in_any_layer(measured, tested, shuffled, verdict):
    assert tested(measured(shuffled=shuffled), "control.shuffled").verdict == verdict


def test_one_layer_that_decodes_shuffled_codes_is_enough_to_refute_the_control(measured, tested):
    t = measured()
    control = t["control_vinfo"]
    leaky = (control["control"] == "shuffled") & (control["layer"] == "block-01")
    control.loc[leaky, "vinfo"] = 0.2
    f = tested(t, "control.shuffled")
    assert (f.verdict, f.value) == ("not supported", pytest.approx(0.2))


@pytest.mark.slow
@pytest.mark.parametrize(("shuffled", "verdict"), [(0.1, "not supported"), (0.01, "undecided")])
def test_claims_are_undecided_unless_the_control_that_they_rest_on_holds(claims, shuffled, verdict):
    whole, found = claims(**HELD), claims(**HELD, shuffled=shuffled)
    assert {f.verdict for name, f in whole.items()} == {"supported"}
    assert found["control.shuffled"].verdict == verdict
    for name, f in found.items():
        if name == "control.shuffled":
            assert f.controls == []
            continue
        assert f.controls == ["control.shuffled"]
        assert (f.verdict, f.alone) == ("undecided", "supported")
        assert f.because == [f"it rests on control.shuffled ({verdict})"]
        if not name.startswith("control"):
            assert f.value == whole[name].value  # told all the same


@pytest.mark.parametrize(("name", "broken"), [("random_directions", {"random": 1.6}), ("untrained", {"trained": -0.2})])
def test_controls_that_speak_of_one_claim_alone_gate_no_other(claims, name, broken):
    """What they would gate is compared with nulls of its own."""
    found = claims(**HELD, **broken)
    assert found.pop(f"control.{name}").verdict == "not supported"
    assert {f.verdict for f in found.values()} == {"supported"}


def test_a_control_that_was_not_measured_gates_nothing(measured, settings):
    t = measured()
    t["control_vinfo"] = t["control_vinfo"][t["control_vinfo"]["control"] != "shuffled"]
    found = by_id(t, settings)
    assert "control.shuffled" not in found
    assert found["q1.spectrum"].controls == []
    assert found["q1.spectrum"].verdict == "supported"


@pytest.mark.parametrize("name", [*OF_LEARNING, "a.redundancy", "a.robustness"])
def test_a_claim_is_supported_only_if_no_null_shows_as_much(measured, tested, name):
    positive, negative, wanted = next(own[1:] for own in CLAIMS if own[0] == name)
    effects, against = (positive, negative) if wanted == "positive" else (negative, positive)
    more = {"epochs": tuple(range(13)), "accuracies": (0.3, *[0.9] * 12)} if name == "q4.sedimentation" else {}
    as_much, less = measured(**effects, **more, seed=7), measured(**{"spread": 0.2} | more, seed=7)
    f = tested(measured(**effects, **more), name, nulls={"weak": less})
    assert (f.verdict, f.because) == ("supported", [])
    assert [(null["null"], null["beaten"]) for null in f.nulls] == [("weak", True)]
    f = tested(measured(**effects, **more), name, nulls={"weak": less, "as strong": as_much})
    assert (f.verdict, f.alone) == ("undecided", "supported")
    assert f.because == ["no more than in the null as strong"]
    assert f.nulls[1]["ci_low"] <= 0 <= f.nulls[1]["ci_high"]
    # What is not supported by itself needs no null.
    f = tested(measured(**against, **more), name, nulls={"as strong": as_much})
    assert (f.verdict, f.because, f.nulls[0]["beaten"]) == ("not supported", [], False)


@pytest.mark.parametrize("name", WITHIN)
def test_claims_that_something_is_unrelated_need_not_beat_nulls(measured, tested, name):
    f = tested(measured(n=400), name, nulls={"same": measured(n=400)})
    assert f.verdict == "supported"
    assert f.nulls[0]["beaten"]
    assert f.nulls[0]["difference"] == pytest.approx(0)


def test_how_far_a_null_is_from_the_claim_is_welchs_on_fishers_z(measured, tested):
    own, null = measured(bias=-0.2), measured(bias=-0.1, seed=7)
    f, g = tested(own, "q4.simplicity_bias", nulls={"null": null}), tested(null, "q4.simplicity_bias")
    (told,) = f.nulls
    assert told["value"] == pytest.approx(g.value)
    steps = [np.arctanh(x.value) for x in (f, g)]
    assert told["difference"] == pytest.approx(steps[0] - steps[1])
    # 19 degrees of freedom each; from the intervals, the standard errors
    errors = [(np.arctanh(x.ci_high) - np.arctanh(x.ci_low)) / 2 / stats.t.ppf(0.975, 19) for x in (f, g)]
    free = (errors[0] ** 2 + errors[1] ** 2) ** 2 / ((errors[0] ** 4 + errors[1] ** 4) / 19)
    half = stats.t.ppf(0.975, free) * np.hypot(*errors)
    assert (told["ci_low"], told["ci_high"]) == pytest.approx((told["difference"] - half, told["difference"] + half))
    assert told["p_value"] == pytest.approx(2 * stats.t.sf(abs(told["difference"]) / np.hypot(*errors), free))


def test_a_null_that_lacks_what_a_claim_looks_at_is_left_out(measured, settings):
    untrained = measured(epochs=(0,))
    del untrained["support"]
    untrained["features"] = untrained["features"].drop(columns="temporal_decoding_score")
    found = by_id(measured(**HELD), settings, nulls={"untrained": untrained})
    without = {name for name, f in found.items() if not f.nulls}
    assert without >= {"q2.emergence", "q2.growth", "q4.sedimentation", "q4.support", "q4.simplicity_bias_initial"}
    assert found["q4.simplicity_bias"].nulls
    assert all(found[name].verdict == "supported" for name in without)


def test_a_null_whose_statistic_is_not_defined_is_none(measured, tested):
    constant = measured(seed=7)
    constant["features"]["importance"] = 1.0
    f = tested(measured(bias=-STRONG), "q4.simplicity_bias", nulls={"constant": constant})
    assert (f.nulls, f.verdict) == ([], "supported")


@pytest.mark.slow
@pytest.mark.parametrize("sign", [1, -1])
def test_a_network_that_has_not_learned_decides_no_claim_of_learning(claims, sign):
    """Whatever the value."""
    effects = {name: value if name == "n" else sign * value for name, value in HELD.items()}
    learned, chance = claims(**effects), claims(**effects, accuracies=(0.3, 0.35, 0.32, 0.34))
    for name, f in chance.items():
        if name == "q2.growth":
            continue
        assert f.value == learned[name].value
        assert f.alone == learned[name].alone
        if name in OF_LEARNING:
            assert f.verdict == "undecided"
            assert f.because == ["the network has not learned the task: accuracy 0.340 (chance 0.333)"]
        else:
            assert f.verdict == learned[name].verdict
    assert "q2.growth" not in chance  # no epoch is above chance
    assert {name for name in learned if learned[name].verdict != "undecided"} >= {*OF_LEARNING} - {"q1.spectrum"}


def test_where_accuracy_is_not_known_nothing_is_said_of_learning(measured, tested):
    t = measured(bias=-STRONG)
    t["history"]["accuracy"] = np.nan
    assert tested(t, "q4.simplicity_bias").verdict == "supported"


def partial(columns):
    """Return the correlation of the first two columns' ranks given the others', from the inverse of their matrix."""
    inverse = np.linalg.inv(np.corrcoef(stats.rankdata(columns, axis=0), rowvar=False))
    return -inverse[0, 1] / np.sqrt(inverse[0, 0] * inverse[1, 1])


def owed_to(column, measured, rng, n=200):
    """Tables in which complexity and importance have in common what they owe to a column, and nothing else."""
    t = measured(n=n)
    features = t["features"]
    features["complexity"] = 0.9 - 0.5 * features[column] + 0.05 * rng.normal(size=n)
    features["importance"] = features[column] + 0.1 * rng.normal(size=n)
    return t


@pytest.mark.parametrize(
    ("column", "way"), [("ceiling", "ceiling"), ("mean_code", "firing rate and mean code")], ids=["ceiling", "code"]
)
def test_a_correlation_that_is_only_a_confounds_vanishes_when_that_is_held_fixed(measured, tested, column, way):
    t = owed_to(column, measured, np.random.default_rng(3))
    f = tested(t, "q4.simplicity_bias")
    assert f.value < -0.8
    given = {told["given"]: told for told in f.given}
    assert list(given)[:4] == ["ceiling", "firing rate and mean code", "all of these", "relative complexity"]
    assert list(given)[4].startswith("stable features")
    for name, held in (
        ("ceiling", ["ceiling"]),
        ("firing rate and mean code", ["firing_rate", "mean_code"]),
        ("all of these", ["ceiling", "firing_rate", "mean_code"]),
    ):
        expected = partial(t["features"][["complexity", "importance", *held]])
        assert given[name]["value"] == pytest.approx(expected)
        gone = name in (way, "all of these")
        assert given[name]["verdict"] == ("supported" if not gone else given[name]["verdict"])
        assert (abs(expected) < 0.2) == gone
        assert given[name]["ci_low"] < expected < given[name]["ci_high"]
        assert (given[name]["ci_low"] < 0 < given[name]["ci_high"]) == gone
    assert f.verdict == "supported"  # the paper's own number stays; the page says what is left of it


def test_correlations_are_told_with_relative_complexity_and_of_stable_features_alone(measured, tested):
    t = measured(emergence=0.1, bias=-0.1)
    features = t["features"]
    features["relative_complexity"] = features["relative_complexity"].where(features["ceiling"] > 0.2)
    found = tested(t, "q2.emergence", "q4.simplicity_bias")
    stable = features[features["stability"] >= 0.9]
    assert 0 < len(stable) < len(features)
    for name, columns, relative in (
        (
            "q2.emergence",
            ("complexity", "temporal_decoding_score"),
            ("relative_complexity", "relative_decoding_score"),
        ),
        ("q4.simplicity_bias", ("complexity", "importance"), ("relative_complexity", "importance")),
    ):
        given = {told["given"]: told for told in found[name].given}
        known = features.dropna(subset=[*relative])
        expected = stats.spearmanr(known[relative[0]], known[relative[1]]).statistic
        assert given["relative complexity"]["value"] == pytest.approx(expected)
        assert given["relative complexity"]["n"] == len(known) < len(features)
        expected = stats.spearmanr(stable[columns[0]], stable[columns[1]]).statistic
        own = given["stable features (cosine ≥ 0.9)"]
        assert own["value"] == pytest.approx(expected)
        assert own["n"] == len(stable)


def test_correlations_alone_are_told_with_what_is_held_fixed(claims):
    found = claims(**HELD)
    assert {name for name, f in found.items() if f.given} == {*CORRELATIONS}
    # Of features at the first epoch, stability is not measured.
    assert [told["given"] for told in found["q4.simplicity_bias_initial"].given] == [
        "ceiling",
        "firing rate and mean code",
        "all of these",
    ]


def test_other_numbers_are_told_beside_the_one_that_judges(measured, tested):
    t = measured(redundancy=-0.1, together=0.1)
    found = tested(t, "a.redundancy", "q4.support")
    (cka,) = found["a.redundancy"].beside
    features = t["features"]
    assert cka["what"] == "redundancy by CKA"
    expected = stats.spearmanr(features["complexity"], features["redundancy_cka"]).statistic
    assert cka["value"] == pytest.approx(expected)
    assert cka["ci_low"] < expected < cka["ci_high"]
    accuracy, margin = found["q4.support"].beside
    assert (accuracy["what"], margin["what"]) == ("minus accuracy", "minus margin")
    assert accuracy["value"] == pytest.approx(0.1)  # 0.3 lost in place of 0.2
    assert margin["value"] == pytest.approx(found["q4.support"].value)


@pytest.mark.parametrize(
    ("accuracies", "start", "said"),
    [
        ((0.34, 0.8, 0.9, 0.95), 1, "from epoch 1, the first whose accuracy (0.80) is clearly above chance (0.33)"),
        ((0.34, 0.35, 0.9, 0.95), 2, "from epoch 2, the first whose accuracy (0.90) is clearly above chance (0.33)"),
        ((0.34, 0.39, 0.41, 0.95), 2, "from epoch 2, the first whose accuracy (0.41) is clearly above chance (0.33)"),
    ],
)
def test_growth_begins_at_the_first_epoch_above_chance_and_says_which(measured, tested, accuracies, start, said):
    t = measured(growth=0.3, accuracies=accuracies)
    f = tested(t, "q2.growth")
    means = t["by_checkpoint"].groupby("epoch")["complexity"].mean()
    assert f.value == pytest.approx(means[3] - means[start])
    assert f.note == said


def test_growth_is_compared_with_directions_that_come_from_no_class(measured, tested):
    """Chance is that of the run's classes, of which a null of other directions names none."""
    null = measured(growth=0.0)
    null["features"] = null["features"].assign(**{"class": ""})
    f = tested(measured(growth=0.3), "q2.growth", nulls={"random directions": null})
    assert [told["null"] for told in f.nulls] == ["random directions"]
    assert f.nulls[0]["beaten"]


def test_growth_is_not_tested_where_no_epoch_before_the_last_is_above_chance(measured, settings):
    t = measured(accuracies=(0.3, 0.35, 0.39, 0.95))
    assert "q2.growth" not in by_id(t, settings)
    said = testing.left_out(settings, **t)
    assert said == {"q2.growth": "this run has no accuracy above 0.40 before the last epoch"}


def test_the_most_important_features_settle_only_if_they_grow_simpler_than_the_rest(measured, tested):
    t = measured(sedimentation=-STRONG)
    f = tested(t, "q4.sedimentation")
    by_checkpoint = t["by_checkpoint"]
    top = by_checkpoint["importance"] > 5
    means = by_checkpoint.groupby(["epoch", top])["complexity"].mean().unstack()
    excess = (means[True] - means[False])[[1, 2, 3]]
    assert f.value == pytest.approx(2 * stats.linregress(excess.index, excess).slope)  # over both steps
    assert f.effect == pytest.approx(-1)  # every time further
    assert (f.verdict, f.n, f.unit) == ("supported", 3, "epochs")
    moved = -STRONG * by_checkpoint["epoch"] / 3
    # All others fall as much, or more: then the most important do nothing of their own.
    for times, verdict in ((1, "undecided"), (2, "not supported")):
        other = by_checkpoint.assign(complexity=by_checkpoint["complexity"] + times * moved * ~top)
        f = tested({**t, "by_checkpoint": other}, "q4.sedimentation")
        assert f.verdict == verdict


def test_support_is_judged_by_loss_in_pairs_of_groups(measured, tested):
    t = measured(together=0.15)
    f = tested(t, "q4.support")
    loss = t["support"].groupby(["order", "group"])["loss"].mean()
    lost = loss["complex half"] - loss["random, same importance"]
    assert f.value == pytest.approx(lost.mean())
    error = stats.sem(lost)  # the jackknife of a mean
    half = stats.t.ppf(0.975, 19 / 2) * error
    assert (f.ci_low, f.ci_high) == pytest.approx((f.value - half, f.value + half))
    assert f.p_value == pytest.approx(2 * stats.t.sf(lost.mean() / error, 19 / 2))
    assert f.effect == pytest.approx(loss["complex half"].mean() / loss["random, same importance"].mean())
    assert (f.n, f.unit) == (400, "test images")


def test_groups_of_more_images_weigh_more_in_support(measured, tested):
    t = measured()
    support = t["support"]
    support["n"] = np.where(support["group"] < 10, 10, 30)
    loss = support.groupby(["order", "group"])["loss"].mean()
    lost = loss["complex half"] - loss["random, same importance"]
    f = tested(t, "q4.support")
    assert f.value == pytest.approx((lost[:10].mean() + 3 * lost[10:].mean()) / 4)
    assert f.n == 400


@pytest.mark.parametrize("left", [0.97, 0.6])
def test_support_says_where_hardly_any_accuracy_is_lost(measured, tested, left):
    t = measured(together=0.2)
    support = t["support"]
    support["accuracy"] = np.where(support["share_kept"] == 1, 0.99, left)
    f = tested(t, "q4.support")
    assert f.note.startswith(f"accuracy 0.990 with all features, {left:.3f} without the more complex half")
    assert ("hardly any is lost, so that accuracy has no power, and loss decides" in f.note) == (left == 0.97)
    assert f.verdict == "supported"  # by the loss


def spectrum(t, k, error):
    """The same tables with other complexities, known with an error."""
    return {**t, "features": t["features"].assign(complexity=k, complexity_error=error)}


def test_a_few_clusters_are_no_continuous_spectrum(measured, tested):
    rng, t = np.random.default_rng(0), measured()
    centres = np.linspace(0.2, 0.8, FEW)[np.arange(120) % FEW]
    f = tested(spectrum(t, centres, 0.02), "q1.continuity")
    assert (f.value, f.verdict) == (0, "not supported")  # the same numbers again and again
    f = tested(spectrum(t, centres + 0.02 * rng.normal(size=120), 0.02), "q1.continuity")
    assert f.value == pytest.approx(1, abs=0.15)  # what lies between is error of measurement
    assert f.verdict != "supported"


def test_a_few_features_lie_as_far_from_clusters_as_many_do():
    """With n − 4 in place of what four clusters fit, 60 uniform values lie 4 % too near."""
    rng = np.random.default_rng(0)
    told = [CONTINUITY.of(np.column_stack([rng.random(60), np.full(60, 0.05)])) for _ in range(200)]
    assert np.mean(told) == pytest.approx(1 / 4 / np.sqrt(12) / 0.05, rel=0.03)
    assert np.isnan(CONTINUITY.of(np.column_stack([rng.random(11), np.full(11, 0.05)])))


def test_a_spectrum_without_gaps_is_continuous_if_it_is_known_well_enough(measured, tested):
    t = measured()
    k = np.linspace(0.1, 0.9, 120)[np.random.default_rng(0).permutation(120)]
    f = tested(spectrum(t, k, 0.01), "q1.continuity")
    # Four clusters of a uniform distribution are as wide as a quarter of it; a grid leaves nothing to overfit.
    assert f.value == pytest.approx(0.8 / 4 / np.sqrt(12) / 0.01 * np.sqrt(120 / (120 - 11)), rel=0.02)
    assert f.verdict == "supported"
    f = tested(spectrum(t, k, 0.2), "q1.continuity")
    assert f.verdict == "not supported"  # anything may look like that


def test_what_a_run_has_not_measured_is_left_out_and_said(measured, settings):
    t = measured()
    del t["support"]
    t["features"] = t["features"].drop(columns=["hoyer", "complexity_error"]).assign(redundancy=np.nan)
    t["features"] = t["features"].drop(columns="redundancy")
    gone = {
        "q4.support": "no table support",
        "a.local": "no column hoyer",
        "q1.continuity": "no column complexity_error",
        "a.redundancy": "no column redundancy",
    }
    assert set(by_id(t, settings)) == set(IDS) - set(gone)
    assert testing.left_out(settings, **t) == {name: f"this run has {lack}" for name, lack in gone.items()}


def test_nothing_is_left_out_when_all_is_measured(measured, settings):
    assert testing.left_out(settings, **measured()) == {}


def test_every_claim_is_tested_once_with_the_same_result(claims, measured, settings):
    first, again = claims(bias=-STRONG), by_id(measured(bias=-STRONG), settings)
    assert sorted(first) == sorted(IDS)
    assert first == again
    assert all(f.verdict in {"supported", "not supported", "undecided"} for f in first.values())
    assert all(f.question in {"1", "2", "3", "4", "appendix", "control"} for f in first.values())


def width_of(values):
    """Return the distance of the 10th from the 90th percentile after Harrell and Davis, as scipy has it."""
    low, high = stats.mstats.hdquantiles(values.to_numpy(), [0.1, 0.9])
    return high - low


def test_values_are_those_of_the_tables(measured, settings):
    t = measured(bias=-0.1, emergence=0.1, growth=0.1, teleport=-0.1, redundancy=-0.1, random=0.3, together=0.1)
    f = by_id(t, settings)
    features, by_epoch = t["features"], dict(list(t["by_checkpoint"].groupby("epoch")))
    k = features["complexity"]
    assert f["q1.spectrum"].value == pytest.approx(width_of(k))
    for name, column in (
        ("q2.emergence", "temporal_decoding_score"),
        ("q4.simplicity_bias", "importance"),
        ("a.redundancy", "redundancy"),
        ("a.robustness", "robustness"),
        ("a.local", "hoyer"),
    ):
        assert f[name].value == pytest.approx(k.corr(features[column], method="spearman"))
        assert f[name].effect == pytest.approx(k.corr(features[column]))
        assert f[name].effect_name == "Pearson r"
    assert f["q2.growth"].value == pytest.approx(by_epoch[3]["complexity"].mean() - by_epoch[1]["complexity"].mean())
    assert f["q4.simplicity_bias_initial"].value == pytest.approx(
        by_epoch[1]["complexity"].corr(by_epoch[1]["importance"], method="spearman")
    )
    wide = t["branch_cka"].pivot(index="feature", columns="layer", values="cka")
    skip = wide[["block-01-skip", "block-02-skip"]].sum(axis=1) / wide.sum(axis=1)
    assert f["q3.teleport"].value == pytest.approx(k.corr(skip, method="spearman"))
    came = {b: np.where(wide[f"block-01-{b}"] >= 0.9 * wide[f"block-02-{b}"], 1, 2) for b in ("main", "skip")}
    later = pd.Series(came["main"] - came["skip"])
    assert f["q3.arrival"].value == pytest.approx(k.corr(later, method="spearman"))
    untrained = t["control_vinfo"].query("control == 'untrained' and layer == 'penultimate'")["vinfo"].to_numpy()
    assert f["control.untrained"].value == pytest.approx((features["vinfo_penultimate"] - untrained).mean())
    # the complexity of random directions is over the layers without the penultimate one
    random = 1 - t["control_vinfo"].query("control == 'random' and layer == 'stem'")["vinfo"]
    assert f["control.random_directions"].value == pytest.approx(f["q1.spectrum"].value - width_of(random))
    assert f["q2.emergence"].n == len(features)
    assert f["q2.growth"].n == 2 * len(features)


def test_effects_tell_sizes(measured, settings):
    t = measured(growth=0.3, random=0.3)
    f = by_id(t, settings)
    by_epoch = dict(list(t["by_checkpoint"].groupby("epoch")["complexity"]))
    first, last = by_epoch[1], by_epoch[3]
    pooled = np.sqrt((first.var() + last.var()) / 2)
    assert f["q2.growth"].effect == pytest.approx((last.mean() - first.mean()) / pooled)
    assert f["q1.spectrum"].effect == pytest.approx(f["q1.spectrum"].value / SPREAD)
    assert f["control.random_directions"].effect > 1
    assert all(own.effect_name for own in f.values())


def test_the_interval_of_one_network_leaves_out_a_class_at_a_time(measured, tested):
    """Where there are enough of them; the features of a class stand and fall together."""
    t = measured(bias=-0.1)
    features = t["features"]
    features["class"] = [f"c{i % 10}" for i in range(120)]
    f = tested(t, "q4.simplicity_bias")
    without = [
        np.arctanh(own["complexity"].corr(own["importance"], method="spearman"))
        for own in (features[features["class"] != name] for name in features["class"].unique())
    ]
    half = stats.t.ppf(0.975, 9) * np.sqrt(9 / 10 * ((without - np.mean(without)) ** 2).sum())
    z = np.arctanh(f.value)
    assert (f.ci_low, f.ci_high) == pytest.approx((np.tanh(z - half), np.tanh(z + half)))


@pytest.mark.parametrize(("moved", "verdict"), [(0.02, "supported"), (1.0, "not supported")])
def test_the_order_of_complexity_is_compared_between_families(measured, tested, moved, verdict):
    t = measured(moved=moved)
    f = tested(t, "a.families")
    wide = t["by_family"].pivot(index="feature", columns="family", values="complexity")
    assert f.value == pytest.approx(wide["linear"].corr(wide["mlp"], method="spearman"))
    assert f.verdict == verdict


@pytest.mark.slow
def test_findings_from_elsewhere_are_corrected_and_gated_with_the_others(measured, settings):
    other = Finding("truth.x", "truth", "c", "s", 1.0, 0.5, 1.5, 0.03, 9, "supported", controls=["control.untrained"])
    alone = by_id(measured(), settings)
    found = {f.id: f for f in testing.findings(settings, also=[other], **measured(trained=-0.2))}
    assert (found["truth.x"].verdict, found["truth.x"].alone) == ("undecided", "supported")
    assert found["truth.x"].p_adjusted > 0.03
    changed = [f.id for f in alone.values() if f.p_adjusted != found[f.id].p_adjusted]
    assert "q3.teleport" in changed  # one more in the family
    assert list(found)[-4:] == ["truth.x", "control.shuffled", "control.random_directions", "control.untrained"]


def test_p_values_are_corrected_over_the_claims_and_not_the_controls(claims):
    f = claims(bias=-STRONG)
    family = {name: own for name, own in f.items() if not name.startswith("control")}
    ranked = sorted(own.p_value for own in family.values())
    for own in family.values():
        expected = min(1.0, *(len(ranked) * p / (i + 1) for i, p in enumerate(ranked) if p >= own.p_value))
        assert own.p_adjusted == pytest.approx(expected)
    assert all(own.p_adjusted is None for name, own in f.items() if name not in family)


def test_intervals_over_images_come_from_the_folds(measured, settings):
    t = measured(emergence=0.3)
    f = by_id(t, settings)
    assert {name for name, own in f.items() if own.images_low is not None} == {
        "q1.spectrum",
        "q2.emergence",
        "q4.simplicity_bias",
    }
    # Student's t, 4 degrees of freedom; probes of two of five folds share images (Nadeau & Bengio 2003).
    wider = 2.776 * np.sqrt((1 / 5 + 1 / 4) * 5)
    folds = [own for _, own in t["by_fold"].groupby("fold")]
    widths = np.array([width_of(own["complexity"]) for own in folds])
    half = wider * np.sqrt(4 / 5 * ((widths - widths.mean()) ** 2).sum())
    own = f["q1.spectrum"]
    assert (own.images_low, own.images_high) == pytest.approx((own.value - half, own.value + half), rel=1e-3)
    z = np.arctanh([own["complexity"].corr(own["temporal_decoding_score"], method="spearman") for own in folds])
    half = wider * np.sqrt(4 / 5 * ((z - z.mean()) ** 2).sum())
    expected = np.tanh([np.arctanh(f["q2.emergence"].value) - half, np.arctanh(f["q2.emergence"].value) + half])
    assert (f["q2.emergence"].images_low, f["q2.emergence"].images_high) == pytest.approx(expected, rel=1e-3)


def test_folds_that_agree_leave_no_doubt_over_images(measured, tested):
    t = measured()
    k = t["features"].set_index("feature")["complexity"]
    t["by_fold"] = t["by_fold"].assign(complexity=t["by_fold"]["feature"].map(k))
    f = tested(t, "q1.spectrum")
    assert (f.images_low, f.images_high) == pytest.approx((f.value, f.value))


def test_without_folds_there_is_no_interval_over_images(measured, settings):
    t = measured()
    del t["by_fold"]
    assert all(f.images_low is None for f in by_id(t, settings).values())


def networks(*tables):
    """Tables of several networks, whose seeds are 0, 1, …."""
    names = tables[0]
    return {
        name: pd.concat([t[name].assign(seed=i) for i, t in enumerate(tables)], ignore_index=True) for name in names
    }


@pytest.mark.slow
def test_of_several_networks_each_is_told_and_their_mean_has_an_interval_over_networks(measured, settings):
    slopes = ((-0.2, 0), (-0.1, 5), (-0.3, 6))
    parts = [measured(bias=slope, growth=slope, seed=seed) for slope, seed in slopes]
    alone = [by_id(t, settings) for t in parts]
    found = by_id(networks(*parts), settings)
    for name, f in found.items():
        assert [seed["seed"] for seed in f.by_seed] == [0, 1, 2]
        for told, own in zip(f.by_seed, alone, strict=True):
            assert (told["value"], told["ci_low"], told["ci_high"]) == pytest.approx(
                (own[name].value, own[name].ci_low, own[name].ci_high), nan_ok=True
            )
        assert f.seeds_sd == pytest.approx(np.std([own[name].value for own in alone], ddof=1))
        assert f.n == sum(own[name].n for own in alone)
    for name, to, back in (("q4.simplicity_bias", np.arctanh, np.tanh), ("q2.growth", *2 * (lambda x: x,))):
        values = to([own[name].value for own in alone])
        f, mean = found[name], np.mean(values)
        low, high = stats.t.interval(0.95, 2, mean, stats.sem(values))
        assert (f.value, f.ci_low, f.ci_high) == pytest.approx((back(mean), back(low), back(high)))
    growth = stats.ttest_1samp([own["q2.growth"].value for own in alone], 0)
    assert found["q2.growth"].p_value == pytest.approx(growth.pvalue)
    effects = [own["q4.simplicity_bias"].effect for own in alone]
    assert found["q4.simplicity_bias"].effect == pytest.approx(np.mean(effects))


def test_three_networks_with_shifted_means_do_not_pool_to_the_opposite(measured, tested):
    """Simpson's paradox: within each network complex features are more important, in the pool less."""
    parts = []
    for i in range(3):
        t = measured(bias=0.05, seed=i)
        t["features"] = t["features"].assign(
            complexity=t["features"]["complexity"] + i, importance=t["features"]["importance"] - i
        )
        parts.append(t)
    both = networks(*parts)
    assert both["features"]["complexity"].corr(both["features"]["importance"]) < -0.5
    f = tested(both, "q4.simplicity_bias")
    assert all(seed["value"] > 0.1 for seed in f.by_seed)
    assert f.value > 0.1
    assert f.verdict == f.alone != "supported"


def test_several_networks_are_compared_with_nulls_in_pairs(measured, tested):
    own = [measured(bias=-0.2, seed=seed) for seed in (0, 1, 2)]
    null = [measured(bias=-0.1, seed=seed) for seed in (3, 4, 5)]
    f = tested(networks(*own), "q4.simplicity_bias", nulls={"null": networks(*null)})
    z = [
        [np.arctanh(t["features"]["complexity"].corr(t["features"]["importance"], method="spearman")) for t in among]
        for among in (own, null)
    ]
    steps = np.subtract(*z)
    (told,) = f.nulls
    assert told["value"] == pytest.approx(np.tanh(np.mean(z[1])))
    assert told["difference"] == pytest.approx(steps.mean())
    assert (told["ci_low"], told["ci_high"]) == pytest.approx(stats.t.interval(0.95, 2, steps.mean(), stats.sem(steps)))
    assert told["p_value"] == pytest.approx(stats.ttest_1samp(steps, 0).pvalue)
    assert told["beaten"] == (told["ci_high"] < 0)


def test_networks_that_have_not_learned_are_named_by_their_accuracy(measured, tested):
    parts = measured(bias=-STRONG), measured(bias=-STRONG, seed=5, accuracies=(0.3, 0.3, 0.3, 0.31))
    f = tested(networks(*parts), "q4.simplicity_bias")
    assert f.because == ["the network has not learned the task: accuracy 0.310 (chance 0.333)"]


def test_growth_of_two_networks_says_of_both_where_it_begins(measured, tested):
    parts = measured(growth=0.3), measured(growth=0.3, seed=5, accuracies=(0.3, 0.3, 0.9, 0.95))
    f = tested(networks(*parts), "q2.growth")
    assert [told.split(",")[0] for told in f.note.split("; ")] == ["from epoch 1", "from epoch 2"]


def test_one_network_has_no_spread_between_networks(claims):
    f = claims(**HELD)["q2.emergence"]
    assert f.seeds_sd is None
    assert f.by_seed == [{"seed": 0, "value": f.value, "ci_low": f.ci_low, "ci_high": f.ci_high, "verdict": f.verdict}]


def test_a_network_in_which_a_claim_is_not_defined_leaves_it_undecided(measured, tested):
    constant = measured(seed=5)
    constant["features"]["importance"] = 1.0
    f = tested(networks(measured(bias=-STRONG), constant), "q4.simplicity_bias")
    assert math.isnan(f.value)
    assert f.verdict == "undecided"
    assert f.effect is None


def test_features_without_v_information_are_left_out(measured, settings):
    t = measured(bias=-STRONG, emergence=STRONG)
    gone = t["features"]["feature"] < 20
    whole = by_id(t, settings)
    for name, column in (("features", "complexity"), ("by_checkpoint", "complexity"), ("branch_cka", "cka")):
        t[name].loc[t[name]["feature"] < 20, column] = np.nan
    t["control_vinfo"].loc[t["control_vinfo"]["feature"] < 20, "vinfo"] = np.nan
    t["by_fold"].loc[t["by_fold"]["feature"] < 20, "complexity"] = np.nan
    t["features"].loc[gone, ["temporal_decoding_score", "vinfo_penultimate"]] = np.nan
    found = by_id(t, settings)
    for name in ("q2.emergence", "q3.teleport", "control.untrained", "control.shuffled", "a.local"):
        assert found[name].n == 100
    assert all(math.isfinite(f.value) for f in found.values())
    strong = ("q1.spectrum", "q2.emergence", "q4.simplicity_bias", "control.shuffled", "control.untrained")
    assert {found[name].verdict for name in strong} == {whole[name].verdict for name in strong} == {"supported"}


def test_what_cannot_be_defined_is_undecided(measured, tested):
    t = measured()
    t["features"]["hoyer"] = 0.5
    f = tested(t, "a.local")
    assert math.isnan(f.value)
    assert f.verdict == "undecided"
    assert f.effect is None


def test_one_trained_checkpoint_alone_tells_nothing_of_time(measured, settings):
    tables = measured(epochs=(0, 1))
    del tables["features"]["temporal_decoding_score"], tables["by_fold"]["temporal_decoding_score"]
    timeless = {"q2.emergence", "q2.growth", "q4.simplicity_bias_initial", "q4.sedimentation"}
    tested = {f.id for f in testing.findings(settings, **tables)}
    assert tested == set(IDS) - timeless
    said = testing.left_out(settings, **tables)
    assert {name for name, why in said.items() if "one trained checkpoint alone" in why} == timeless - {"q2.emergence"}


def test_the_margins_are_those_that_claims_name():
    """By hand, so that nobody moves them unseen."""
    told = {claim.id: (claim.side, claim.bound) for claim in REGISTERED}
    assert (RELATED, UNRELATED, SPREAD, FEW) == (0.1, 0.3, 0.1, 4)
    assert told["q1.continuity"] == ("above", 1.0)
    assert told["a.families"] == ("above", 0.8)
    assert {told[name] for name in WITHIN} == {("within", UNRELATED)}
    assert {name: bound for name, (side, bound) in told.items() if name in BOUNDS} == BOUNDS
