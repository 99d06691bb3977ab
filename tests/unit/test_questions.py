import json
import math

import numpy as np
import pandas as pd
import pytest

from strata import questions

STRONG = 0.5
# claim, what makes its effect positive, what makes it negative, the sign that the claim wants
CLAIMS = [
    ("q1.spectrum", {"spread": 0.8}, {"spread": 0.02}, "positive"),
    ("q2.emergence", {"emergence": STRONG}, {"emergence": -STRONG}, "positive"),
    ("q2.growth", {"growth": STRONG}, {"growth": -STRONG}, "positive"),
    ("q3.teleport", {"teleport": STRONG}, {"teleport": -STRONG}, "negative"),
    ("q4.simplicity_bias", {"bias": STRONG}, {"bias": -STRONG}, "negative"),
    ("q4.sedimentation", {"sedimentation": STRONG}, {"sedimentation": -STRONG}, "negative"),
    ("control.untrained", {"trained": 0.2}, {"trained": -0.2}, "positive"),
]
IDS = [name for name, *_ in CLAIMS] + ["q4.simplicity_bias_initial", "control.shuffled"]


@pytest.fixture
def claims(tables, settings):
    def claims(**effects):
        found = questions.findings(**tables(**effects), settings=settings)
        return {f.id: f for f in found}

    return claims


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
def test_a_strong_effect_decides_its_claim_by_its_interval(claims, name, effects, verdict):
    f = claims(**effects)[name]
    assert f.verdict == verdict
    assert f.ci_low <= f.value <= f.ci_high
    null = questions.SPREAD if name == "q1.spectrum" else 0
    assert f.ci_low > null or f.ci_high < null
    assert f.p_value < 0.05


@pytest.mark.parametrize("name", [name for name, *_ in CLAIMS])
def test_no_effect_leaves_a_claim_undecided(claims, name):
    # a spectrum just as wide as the claim's margin, and nothing but noise elsewhere
    f = claims(spread=0.125, seed=3)[name]
    assert f.verdict == "undecided"
    null = questions.SPREAD if name == "q1.spectrum" else 0
    assert f.ci_low <= null <= f.ci_high
    assert f.p_value > 0.02


@pytest.mark.parametrize(
    ("effects", "verdict"),
    [
        ({"n": 400}, "supported"),  # the interval is within the margin
        ({"n": 12}, "undecided"),  # it is wider than the margin, and about zero
        ({"bias_initial": STRONG}, "not supported"),
        ({"bias_initial": -STRONG}, "not supported"),
    ],
)
def test_no_relation_is_claimed_only_when_the_interval_is_near_zero(claims, effects, verdict):
    assert claims(**effects)["q4.simplicity_bias_initial"].verdict == verdict


@pytest.mark.parametrize(("shuffled", "verdict"), [(-0.05, "supported"), (0.0, "supported"), (0.1, "not supported")])
def test_shuffled_codes_must_not_be_decodable_in_any_layer(claims, shuffled, verdict):
    assert claims(shuffled=shuffled)["control.shuffled"].verdict == verdict


def test_one_layer_that_decodes_shuffled_codes_is_enough_to_refute_the_control(tables, settings):
    measured = tables(shuffled=-0.05)
    control = measured["control_vinfo"]
    leaky = (control["control"] == "shuffled") & (control["layer"] == "block-01")
    control.loc[leaky, "vinfo"] = 0.2
    f = {f.id: f for f in questions.findings(**measured, settings=settings)}["control.shuffled"]
    assert (f.verdict, f.value) == ("not supported", pytest.approx(0.2))


def test_every_claim_is_tested_once_with_the_same_seed_and_the_same_result(claims):
    first, again = claims(bias=-STRONG), claims(bias=-STRONG)
    assert sorted(first) == sorted(IDS)
    assert first == again
    assert all(f.verdict in {"supported", "not supported", "undecided"} for f in first.values())
    assert all(f.question in {"1", "2", "3", "4", "control"} for f in first.values())


def test_values_are_those_of_the_tables(tables, settings):
    t = tables(bias=-0.1, emergence=0.1, growth=0.1, teleport=-0.1)
    f = {f.id: f for f in questions.findings(**t, settings=settings)}
    features, by_epoch = t["features"], dict(list(t["by_checkpoint"].groupby("epoch")))
    k = features["complexity"]
    assert f["q1.spectrum"].value == pytest.approx(k.quantile(0.9) - k.quantile(0.1))
    assert f["q2.emergence"].value == pytest.approx(k.corr(features["temporal_decoding_score"]))
    assert f["q4.simplicity_bias"].value == pytest.approx(k.corr(features["importance"]))
    assert f["q2.growth"].value == pytest.approx(by_epoch[3]["complexity"].mean() - by_epoch[1]["complexity"].mean())
    assert f["q4.simplicity_bias_initial"].value == pytest.approx(
        by_epoch[1]["complexity"].corr(by_epoch[1]["importance"])
    )
    untrained = t["control_vinfo"].query("control == 'untrained' and layer == 'penultimate'")["vinfo"].to_numpy()
    assert f["control.untrained"].value == pytest.approx((features["vinfo_penultimate"] - untrained).mean())
    assert f["q2.emergence"].n == len(features)
    assert f["q4.sedimentation"].n == 3 * 5


def test_features_without_v_information_are_left_out(tables, settings):
    t = tables(bias=-STRONG, emergence=STRONG)
    gone = t["features"]["feature"] < 20
    whole = questions.findings(**t, settings=settings)
    for name, column in (("features", "complexity"), ("by_checkpoint", "complexity"), ("branch_cka", "cka")):
        t[name].loc[t[name]["feature"] < 20, column] = np.nan
    t["control_vinfo"].loc[t["control_vinfo"]["feature"] < 20, "vinfo"] = np.nan
    t["features"].loc[gone, ["temporal_decoding_score", "vinfo_penultimate"]] = np.nan
    found = {f.id: f for f in questions.findings(**t, settings=settings)}
    assert found["q2.emergence"].n == 100
    assert found["q3.teleport"].n == 100
    assert found["control.untrained"].n == 100
    assert found["control.shuffled"].n == 100
    assert all(math.isfinite(f.value) for f in found.values())
    assert [found[f.id].verdict for f in whole] == [f.verdict for f in whole]


@pytest.fixture
def one_epoch(tables, settings):
    """Findings of a training of one epoch: sedimentation is not defined."""
    found = questions.findings(**tables(epochs=(0, 1)), settings=settings)
    assert math.isnan({f.id: f for f in found}["q4.sedimentation"].value)
    return found


def test_what_cannot_be_defined_is_undecided(one_epoch):
    assert {f.id: f for f in one_epoch}["q4.sedimentation"].verdict == "undecided"


def test_findings_are_json_without_nan(one_epoch, tmp_path):
    questions.write_findings(one_epoch, [], "tiny", tmp_path)

    def refuse(constant):
        raise AssertionError(constant)

    read = json.loads((tmp_path / "findings.json").read_text(), parse_constant=refuse)
    keys = ["id", "question", "claim", "statistic", "value", "ci_low", "ci_high", "p_value", "n", "verdict"]
    assert [list(f) for f in read] == [keys] * len(IDS)
    undefined = next(f for f in read if f["id"] == "q4.sedimentation")
    assert [undefined[k] for k in ("value", "ci_low", "ci_high", "p_value")] == [None] * 4
    for f, plain in zip(one_epoch, read, strict=True):
        if f.id != "q4.sedimentation":
            assert questions.Finding(**plain) == f


def test_findings_read_as_a_table_and_notes(one_epoch, tmp_path):
    questions.write_findings(one_epoch, ["accuracy 0.99", "all is well"], "tiny", tmp_path)
    lines = (tmp_path / "findings.md").read_text().splitlines()
    assert lines[0] == "# Findings of run tiny"
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == len(one_epoch) + 2
    assert len({line.count("|") for line in rows}) == 1
    assert len({len(line) for line in rows}) == 1  # columns are aligned for those who read the text itself
    for f, row in zip(one_epoch, rows[2:], strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[0] == f.id
        assert f.claim in cells
        assert f"**{f.verdict}**" in cells
        if f.id != "q4.sedimentation":
            assert f"{f.value:+.3f} [{f.ci_low:+.3f}, {f.ci_high:+.3f}]" in cells
    assert lines[-2:] == ["- accuracy 0.99", "- all is well"]


def test_an_undefined_value_is_said_in_words(one_epoch, tmp_path):
    questions.write_findings(one_epoch, [], "tiny", tmp_path)
    row = next(line for line in (tmp_path / "findings.md").read_text().splitlines() if "q4.sedimentation" in line)
    assert "nan" not in row


def test_notes_say_how_good_the_network_and_the_codes_are_and_what_is_missing():
    said = questions.notes(
        pd.DataFrame({"complexity": [0.1, np.nan, 0.3]}),
        pd.DataFrame({"epoch": [0, 2, 2], "r2": [0.0, 0.9, 0.8], "zeros": [0.0, 0.5, 0.7], "unsolved": [9, 1, 2]}),
        pd.DataFrame({"epoch": [0, 2, 0, 2], "accuracy": [0.1, 0.9, 0.1, 0.8]}),
        pd.DataFrame({"image": [f"cat/{i}.png" for i in range(7)]}),
        superclasses=False,
    )
    text = "\n".join(said)
    for part in ("0.8500", "R² 0.8500", "60.0% zeros", "3 images unsolved", "1 of 3", "skipped: 7", "cat/4.png", "…"):
        assert part in text
    assert "a_superclasses" in text
    assert "cat/5.png" not in text


def test_notes_are_silent_about_skipped_images_when_there_are_none():
    said = questions.notes(
        pd.DataFrame({"complexity": [0.1]}),
        pd.DataFrame({"epoch": [1], "r2": [1.0], "zeros": [0.0], "unsolved": [0]}),
        pd.DataFrame({"epoch": [1], "accuracy": [0.9]}),
        pd.DataFrame({"image": []}),
        superclasses=True,
    )
    assert not any("skipped" in line or "a_superclasses" in line for line in said)


@pytest.mark.parametrize(("n", "share", "count"), [(100, 0.01, 5), (1000, 0.01, 10), (1000, 0.0101, 11), (3, 0.01, 3)])
def test_the_most_important_features_are_a_share_but_at_least_five(n, share, count):
    table = pd.DataFrame({"importance": np.random.default_rng(0).permutation(n)})
    top = questions.most_important(table, share)
    assert sorted(top["importance"]) == list(range(n - count, n))


@pytest.mark.parametrize(("n", "size"), [(100, 10), (109, 10), (5, 1)])
def test_tenths_are_the_simplest_and_the_most_complex(tables, n, size):
    table = tables(n=n)["features"]
    simple, complex_ = questions.tenths(table)
    k = np.sort(table["complexity"])
    assert sorted(simple["complexity"]) == k[:size].tolist()
    assert sorted(complex_["complexity"]) == k[-size:].tolist()
