"""Claims, tested: by their intervals, for every seed and for all together, gated by the controls they rest on."""

import math

import numpy as np
import pandas as pd
import pytest

from strata.claims import testing
from strata.claims.finding import Finding
from strata.claims.registry import SPREAD

STRONG = 0.5
# claim, what makes its effect positive, what makes it negative, the sign that the claim wants
CLAIMS = [
    ("q1.spectrum", {"spread": 0.8}, {"spread": 0.02}, "positive"),
    ("q2.emergence", {"emergence": STRONG}, {"emergence": -STRONG}, "positive"),
    ("q2.growth", {"growth": STRONG}, {"growth": -STRONG}, "positive"),
    ("q3.teleport", {"teleport": STRONG}, {"teleport": -STRONG}, "negative"),
    ("q4.simplicity_bias", {"bias": STRONG}, {"bias": -STRONG}, "negative"),
    ("q4.sedimentation", {"sedimentation": STRONG}, {"sedimentation": -STRONG}, "negative"),
    ("q4.support", {"together": 0.2}, {"together": -0.2}, "positive"),
    ("a.redundancy", {"redundancy": STRONG}, {"redundancy": -STRONG}, "negative"),
    ("a.robustness", {"robustness": STRONG}, {"robustness": -STRONG}, "negative"),
    ("control.random_directions", {"random": 0.2}, {"random": 1.6}, "positive"),
    ("control.untrained", {"trained": 0.2}, {"trained": -0.2}, "positive"),
]
WITHIN = {"q4.simplicity_bias_initial": "bias_initial", "a.local": "local"}
IDS = [name for name, *_ in CLAIMS] + [*WITHIN, "a.families", "control.shuffled"]
RESTS_ON = {  # by hand: what each claim rests on besides the shuffled codes
    "q1.spectrum": ["control.random_directions"],
    "q2.emergence": ["control.untrained"],
    "q2.growth": ["control.untrained"],
    "q4.sedimentation": ["control.untrained"],
}


def by_id(t, settings):
    return {f.id: f for f in testing.findings(settings, **t)}


@pytest.fixture
def claims(measured, settings):
    return lambda **effects: by_id(measured(**effects), settings)


@pytest.mark.parametrize(
    ("name", "effects", "verdict"),
    [
        case
        for name, positive, negative, wanted in CLAIMS
        for case in (
            (name, positive, "supported" if wanted == "positive" else "not supported"),
            (name, negative, "supported" if wanted == "negative" else "not supported"),
        )
        if case[:2] != ("q1.spectrum", {"spread": 0.02})  # then random directions spread more; see the gate
    ],
)
def test_a_strong_effect_decides_its_claim_by_its_interval(claims, name, effects, verdict):
    f = claims(**effects)[name]
    assert f.verdict == verdict
    assert f.ci_low <= f.value <= f.ci_high
    null = SPREAD if name == "q1.spectrum" else 0
    assert f.ci_low > null or f.ci_high < null
    assert f.p_value < 0.05


def test_a_narrow_spectrum_is_refuted(measured, settings):
    t = measured(spread=0.02)
    t["control_vinfo"] = t["control_vinfo"][t["control_vinfo"]["control"] != "random"]
    assert by_id(t, settings)["q1.spectrum"].verdict == "not supported"


@pytest.mark.parametrize("name", [name for name, *_ in CLAIMS])
def test_no_effect_leaves_a_claim_undecided(claims, name):
    # a spectrum just as wide as the claim's margin, random directions just as wide, and nothing but noise elsewhere
    f = claims(spread=0.125, random=0.125, trained=0.0, seed=3)[name]
    assert f.verdict == "undecided"
    null = SPREAD if name == "q1.spectrum" else 0
    assert f.ci_low <= null <= f.ci_high
    assert f.p_value > 0.02


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
def test_no_relation_is_claimed_only_when_the_interval_is_near_zero(claims, name, slope, n, verdict):
    f = claims(n=n, **{WITHIN[name]: slope})[name]
    assert f.verdict == verdict
    assert (f.p_value < 0.05) == (verdict == "supported")  # of equivalence


@pytest.mark.parametrize(("shuffled", "verdict"), [(-0.05, "supported"), (0.1, "not supported")])
def test_shuffled_codes_must_not_be_decodable_in_any_layer(claims, shuffled, verdict):
    assert claims(shuffled=shuffled)["control.shuffled"].verdict == verdict


def test_one_layer_that_decodes_shuffled_codes_is_enough_to_refute_the_control(measured, settings):
    t = measured()
    control = t["control_vinfo"]
    leaky = (control["control"] == "shuffled") & (control["layer"] == "block-01")
    control.loc[leaky, "vinfo"] = 0.2
    f = by_id(t, settings)["control.shuffled"]
    assert (f.verdict, f.value) == ("not supported", pytest.approx(0.2))


@pytest.mark.parametrize(
    ("control", "broken", "verdict"),
    [
        ("control.shuffled", {"shuffled": 0.1}, "not supported"),
        ("control.shuffled", {"shuffled": 0.01}, "undecided"),
        ("control.untrained", {"trained": -0.2}, "not supported"),
        ("control.random_directions", {"random": 1.6}, "not supported"),
    ],
)
def test_claims_that_rest_on_a_control_are_undecided_unless_it_holds(claims, control, broken, verdict):
    strong = {"emergence": STRONG, "growth": STRONG, "teleport": -STRONG, "bias": -STRONG, "sedimentation": -STRONG}
    strong |= {"redundancy": -STRONG, "robustness": -STRONG, "together": 0.2}
    whole, found = claims(**strong), claims(**strong, **broken)
    assert {f.verdict for name, f in whole.items() if name not in WITHIN} == {"supported"}
    assert found[control].verdict == verdict
    for name, f in found.items():
        if name == control:
            continue
        rests = control == "control.shuffled" or control in RESTS_ON.get(name, [])
        assert f.verdict == ("undecided" if rests else whole[name].verdict)
        assert [seed["verdict"] for seed in f.by_seed] == [f.verdict]
        assert (control in f.controls) == rests
        if not name.startswith("control"):
            assert f.value == whole[name].value  # told all the same


def test_a_control_that_was_not_measured_gates_nothing(measured, settings):
    t = measured()
    t["control_vinfo"] = t["control_vinfo"][t["control_vinfo"]["control"] != "random"]
    found = by_id(t, settings)
    assert "control.random_directions" not in found
    assert found["q1.spectrum"].controls == ["control.shuffled"]
    assert found["q1.spectrum"].verdict == "supported"


def test_what_a_run_has_not_measured_is_left_out_and_said(measured, settings):
    t = measured()
    del t["support"]
    t["features"] = t["features"].drop(columns="hoyer").assign(redundancy=np.nan)
    gone = {"q4.support": "no table support", "a.local": "no column hoyer", "a.redundancy": "no row"}
    assert set(by_id(t, settings)) == set(IDS) - set(gone)
    said = testing.left_out(settings, **t)
    assert len(said) == len(gone)
    for name, lack in gone.items():
        assert any(name in line and lack in line for line in said)


def test_nothing_is_left_out_when_all_is_measured(measured, settings):
    assert testing.left_out(settings, **measured()) == []


def test_every_claim_is_tested_once_with_the_same_seed_and_the_same_result(claims):
    first, again = claims(bias=-STRONG), claims(bias=-STRONG)
    assert sorted(first) == sorted(IDS)
    assert first == again
    assert all(f.verdict in {"supported", "not supported", "undecided"} for f in first.values())
    assert all(f.question in {"1", "2", "3", "4", "appendix", "control"} for f in first.values())


def test_values_are_those_of_the_tables(measured, settings):
    t = measured(bias=-0.1, emergence=0.1, growth=0.1, teleport=-0.1, redundancy=-0.1, random=0.3, together=0.1)
    f = by_id(t, settings)
    features, by_epoch = t["features"], dict(list(t["by_checkpoint"].groupby("epoch")))
    k = features["complexity"]
    assert f["q1.spectrum"].value == pytest.approx(k.quantile(0.9) - k.quantile(0.1))
    assert f["q2.emergence"].value == pytest.approx(k.corr(features["temporal_decoding_score"]))
    assert f["q4.simplicity_bias"].value == pytest.approx(k.corr(features["importance"]))
    assert f["a.redundancy"].value == pytest.approx(k.corr(features["redundancy"]))
    assert f["a.local"].value == pytest.approx(k.corr(features["hoyer"]))
    assert f["q2.growth"].value == pytest.approx(by_epoch[3]["complexity"].mean() - by_epoch[1]["complexity"].mean())
    assert f["q4.simplicity_bias_initial"].value == pytest.approx(
        by_epoch[1]["complexity"].corr(by_epoch[1]["importance"])
    )
    untrained = t["control_vinfo"].query("control == 'untrained' and layer == 'penultimate'")["vinfo"].to_numpy()
    assert f["control.untrained"].value == pytest.approx((features["vinfo_penultimate"] - untrained).mean())
    # the complexity of random directions is over the layers without the penultimate one
    random = 1 - t["control_vinfo"].query("control == 'random' and layer == 'stem'")["vinfo"]
    width = random.quantile(0.9) - random.quantile(0.1)
    assert f["control.random_directions"].value == pytest.approx(f["q1.spectrum"].value - width)
    assert f["q2.emergence"].n == len(features)
    assert f["q4.sedimentation"].n == 3 * 5


def test_ranks_are_correlated_for_every_correlation(measured, settings):
    t = measured(emergence=0.1, bias=-0.1)
    f = by_id(t, settings)
    for name, column in (("q2.emergence", "temporal_decoding_score"), ("q4.simplicity_bias", "importance")):
        expected = t["features"]["complexity"].corr(t["features"][column], method="spearman")
        assert f[name].spearman == pytest.approx(expected)
        assert f[name].spearman_low < expected < f[name].spearman_high
    correlations = {name for name, own in f.items() if own.statistic.startswith("Pearson")}
    assert {name for name, own in f.items() if own.spearman is not None} == correlations


def test_effects_tell_sizes(measured, settings):
    t = measured(growth=0.3, random=0.3)
    f = by_id(t, settings)
    by_epoch = dict(list(t["by_checkpoint"].groupby("epoch")["complexity"]))
    first, last = by_epoch[1], by_epoch[3]
    pooled = np.sqrt((first.var() + last.var()) / 2)
    assert f["q2.growth"].effect == pytest.approx((last.mean() - first.mean()) / pooled)
    assert f["q2.emergence"].effect == f["q2.emergence"].value
    assert f["q1.spectrum"].effect == pytest.approx(f["q1.spectrum"].value / SPREAD)
    assert f["control.random_directions"].effect > 1
    assert all(own.effect_name for own in f.values())


def test_support_compares_the_complex_half_with_random_features_of_equal_importance(measured, settings):
    t = measured(bias=-0.5, together=0.15)
    f = by_id(t, settings)["q4.support"]
    features, own = t["features"], t["support"].set_index(["order", "share_kept"])["accuracy"]
    heavy = features["complexity"] >= features["complexity"].median()
    weight = features["importance"][heavy].sum() / features["importance"].sum()
    assert weight < 0.5  # complex features matter less one by one
    random = own["random"].groupby("share_kept").mean()
    expected = np.interp(1 - weight, random.index, random) - own["complex first", 0.5]
    assert f.value == pytest.approx(expected)
    assert f.value == pytest.approx(0.15, abs=0.01)
    assert f.effect == pytest.approx(own["complex first", 1.0] - own["complex first", 0.5])
    assert (f.n, f.unit) == (400, "test images")
    # two accuracies of 400 images each
    variances = [p * (1 - p) / 400 for p in (own["complex first", 0.5], expected + own["complex first", 0.5])]
    assert f.ci_high - f.ci_low == pytest.approx(2 * 1.96 * np.sqrt(sum(variances)), rel=0.2)


@pytest.mark.parametrize(("moved", "verdict"), [(0.02, "supported"), (1.0, "not supported")])
def test_the_order_of_complexity_is_compared_between_families(measured, settings, moved, verdict):
    t = measured(moved=moved)
    f = by_id(t, settings)["a.families"]
    wide = t["by_family"].pivot(index="feature", columns="family", values="complexity")
    assert f.value == pytest.approx(wide["linear"].corr(wide["mlp"], method="spearman"))
    assert f.verdict == verdict


def test_findings_from_elsewhere_are_corrected_and_gated_with_the_others(measured, settings):
    other = Finding("truth.x", "truth", "c", "s", 1.0, 0.5, 1.5, 0.03, 9, "supported", controls=["control.untrained"])
    alone = by_id(measured(), settings)
    found = {f.id: f for f in testing.findings(settings, also=[other], **measured(trained=-0.2))}
    assert found["truth.x"].verdict == "undecided"
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
    folds = [own for _, own in t["by_fold"].groupby("fold")]
    widths = np.array([own["complexity"].quantile(0.9) - own["complexity"].quantile(0.1) for own in folds])
    half = 2.776 * np.sqrt(4 / 5 * ((widths - widths.mean()) ** 2).sum())  # Student's t, 4 degrees of freedom
    spectrum = f["q1.spectrum"]
    assert (spectrum.images_low, spectrum.images_high) == pytest.approx(
        (spectrum.value - half, spectrum.value + half), rel=1e-3
    )
    z = np.arctanh([own["complexity"].corr(own["temporal_decoding_score"]) for own in folds])
    half = 2.776 * np.sqrt(4 / 5 * ((z - z.mean()) ** 2).sum())
    expected = np.tanh([np.arctanh(f["q2.emergence"].value) - half, np.arctanh(f["q2.emergence"].value) + half])
    assert (f["q2.emergence"].images_low, f["q2.emergence"].images_high) == pytest.approx(expected, rel=1e-3)


def test_folds_that_agree_leave_no_doubt_over_images(measured, settings):
    t = measured()
    k = t["features"].set_index("feature")["complexity"]
    t["by_fold"] = t["by_fold"].assign(complexity=t["by_fold"]["feature"].map(k))
    f = by_id(t, settings)["q1.spectrum"]
    assert (f.images_low, f.images_high) == pytest.approx((f.value, f.value))


def test_without_folds_there_is_no_interval_over_images(measured, settings):
    t = measured()
    del t["by_fold"]
    assert all(f.images_low is None for f in by_id(t, settings).values())


def test_every_seed_is_told_beside_all_together(measured, two_seeds, settings):
    one, other = measured(bias=-STRONG), measured(bias=STRONG, seed=5)
    alone = [by_id(t, settings) for t in (one, other)]
    pooled = by_id(two_seeds(one, other), settings)
    for name, f in pooled.items():
        assert [seed["seed"] for seed in f.by_seed] == [0, 1]
        for told, own in zip(f.by_seed, (alone[0][name], alone[1][name]), strict=True):
            assert (told["value"], told["ci_low"], told["ci_high"]) == (own.value, own.ci_low, own.ci_high)
        values = [seed["value"] for seed in f.by_seed]
        assert f.seeds_sd == pytest.approx(abs(values[0] - values[1]) / np.sqrt(2))
        assert f.n == 2 * alone[0][name].n
    bias = pooled["q4.simplicity_bias"]
    assert [seed["verdict"] for seed in bias.by_seed] == ["supported", "not supported"]
    both = pd.concat([one["features"], other["features"]])
    assert bias.value == pytest.approx(both["complexity"].corr(both["importance"]))


def test_one_seed_has_no_spread_between_seeds(claims):
    f = claims(emergence=STRONG)["q2.emergence"]
    assert f.seeds_sd is None
    assert f.by_seed == [{"seed": 0, "value": f.value, "ci_low": f.ci_low, "ci_high": f.ci_high, "verdict": f.verdict}]


def test_features_are_resampled_within_their_seed(measured, two_seeds, settings):
    """Otherwise the interval of a change would grow with the distance between seeds, which every change cancels."""
    one, other = measured(growth=0.1), measured(growth=0.1, seed=5)
    near = by_id(two_seeds(one, other), settings)["q2.growth"]
    other["by_checkpoint"]["complexity"] += 10
    far = by_id(two_seeds(one, other), settings)["q2.growth"]
    assert far.value == pytest.approx(near.value)
    assert (far.ci_low, far.ci_high) == pytest.approx((near.ci_low, near.ci_high))


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
    assert {name: f.verdict for name, f in found.items()} == {name: f.verdict for name, f in whole.items()}


def test_what_cannot_be_defined_is_undecided(measured, settings):
    t = measured()
    t["features"]["hoyer"] = 0.5
    f = by_id(t, settings)["a.local"]
    assert math.isnan(f.value)
    assert f.verdict == "undecided"


def test_one_trained_checkpoint_alone_tells_nothing_of_time(measured, settings):
    tables = measured(epochs=(0, 1))
    del tables["features"]["temporal_decoding_score"], tables["by_fold"]["temporal_decoding_score"]
    timeless = {"q2.emergence", "q2.growth", "q4.simplicity_bias_initial", "q4.sedimentation"}
    tested = {f.id for f in testing.findings(settings, **tables)}
    assert tested == set(IDS) - timeless
    said = testing.left_out(settings, **tables)
    assert {line.split()[2] for line in said if "one trained checkpoint alone" in line} == timeless - {"q2.emergence"}
