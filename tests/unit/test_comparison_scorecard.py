"""The scorecard: claims × runs, what is missing, and what it says in words."""

import numpy as np
import pandas as pd
import pytest
from finished_runs import features, finding, write_run

import strata
from strata.comparison.scorecard import about, page, scorecard

GIVEN = [
    {"given": "ceiling", "value": 0.9, "ci_low": 0.8, "ci_high": 1.0, "n": 20, "verdict": "supported"},
    {"given": "all of these", "value": 0.3, "ci_low": 0.2, "ci_high": 0.4, "n": 20, "verdict": "supported"},
    {"given": "relative complexity", "value": 0.05, "ci_low": -0.1, "ci_high": 0.2, "n": 20, "verdict": "undecided"},
]
NULLS = [
    {"null": name, "value": 0.2, "difference": 0.1, "ci_low": 0.0, "ci_high": 0.2, "p_value": 0.1, "beaten": beaten}
    for name, beaten in (("random directions", True), ("features of the untrained network", False))
]
NOTHING = pd.DataFrame()


@pytest.fixture
def compared(tmp_path):
    """Three runs: the first tests three claims, the second others and on other layers, the third learned nothing."""
    whole = [
        finding("q2.emergence", 0.7, given=GIVEN, nulls=NULLS),
        finding("q4.support", -0.2, "not supported", statistic="loss"),
        finding("control.shuffled", 0.0, statistic="mean V-information"),
    ]
    other = [
        finding("truth.order", 0.6, statistic="ρ"),
        finding("q2.emergence", 0.4, "undecided", alone="supported", because=["it rests on control.shuffled"]),
        finding("q1.spectrum", 0.3, statistic="width"),
        finding("q4.sedimentation", float("nan"), "undecided"),
    ]
    idle = [finding("q2.emergence", 0.9), finding("q1.spectrum", 0.2, statistic="width")]
    folders = {
        "whole": write_run(tmp_path / "whole", whole, features()),
        "other": write_run(tmp_path / "other", other, features(3, "abc", layers=("a", "b", "c")), accuracy=np.nan),
        "idle": write_run(tmp_path / "idle", idle, features(), accuracy=0.52),
    }
    return {name: strata.load(folder) for name, folder in folders.items()}


def cell(table, id, run):
    return table[(table["id"] == id) & (table["run"] == run)].iloc[0]


def test_every_claim_of_any_run_has_a_row_a_run_by_question(compared):
    table = scorecard(compared)
    order = ["q1.spectrum", "q2.emergence", "q4.support", "q4.sedimentation", "truth.order", "control.shuffled"]
    assert list(table["id"]) == [id for id in order for _ in range(3)]
    assert list(table["run"]) == ["whole", "other", "idle"] * len(order)


def test_a_cell_tells_raw_left_nulls_and_verdict(compared):
    row = cell(scorecard(compared), "q2.emergence", "whole")
    assert list(row[["value", "ci_low", "ci_high"]]) == pytest.approx([0.7, 0.6, 0.8])
    assert list(row[["given_all", "given_all_low", "given_all_high", "given_all_verdict"]]) == [
        0.3,
        0.2,
        0.4,
        "supported",
    ]
    assert list(row[["relative", "relative_low", "relative_high", "relative_verdict"]]) == [
        0.05,
        -0.1,
        0.2,
        "undecided",
    ]
    assert row["nulls"] == "random directions; features of the untrained network"
    assert row["not_beaten"] == "features of the untrained network"
    assert row["verdict"] == "supported"
    gated = cell(scorecard(compared), "q2.emergence", "other")
    assert list(gated[["verdict", "alone", "because"]]) == ["undecided", "supported", "it rests on control.shuffled"]


def test_what_a_run_does_not_test_is_missing(compared):
    row = cell(scorecard(compared), "q4.support", "other")
    assert list(row[["verdict", "alone", "because", "nulls"]]) == [""] * 4
    assert row[["n", "value", "ci_low", "ci_high", "given_all", "relative"]].isna().all()
    assert row["claim"] == "claim of q4.support"


def test_what_a_run_is(compared):
    told = about(compared).set_index("run")
    assert told.loc["whole", ["classes", "features", "seeds", "layers", "checkpoints"]].tolist() == [2, 10, 1, 2, 2]
    assert told.loc["other", ["classes", "features", "seeds", "layers", "checkpoints"]].tolist() == [3, 9, 1, 3, 2]
    assert told["learned"].tolist() == [True, True, False]  # 0.52 of two classes is chance
    assert told.loc["idle", "accuracy"] == 0.52
    assert np.isnan(told.loc["other", "accuracy"])


def told_of(compared, runs=None):
    own = {name: compared[name] for name in runs or compared}
    return page("mine", scorecard(own), told=about(own), pairs=NOTHING, unmatched=["whole, other: no images in common"])


def test_the_page_begins_with_how_far_claims_travel(compared):
    lines = told_of(compared).splitlines()
    assert lines[0] == "# Do the conclusions travel? Comparison mine"
    start = lines[2 : lines.index("## The runs")]
    assert start == [
        "**Supported in every run that tests it** (2 of 5)",
        "- claim of q1.spectrum: supported in other; not tested in whole; but also where no task was learned (idle)",
        "- claim of truth.order: supported in other; not tested in whole",
        "",
        "**Supported in some** (1 of 5)",
        "- claim of q2.emergence: supported in whole; undecided in other; given all confounds still in whole; with "
        "relative complexity still in none; but also where no task was learned (idle)",
        "",
        "**Supported in none** (2 of 5)",
        "- claim of q4.support: not supported in whole; not tested in other",
        "- claim of q4.sedimentation: undecided in other; not tested in whole",
        "",
        "Runs that have not learned their task are counted apart: idle.",
        "",
    ]


def test_the_page_has_every_claim_in_every_run(compared):
    text = told_of(compared)
    rows = {
        cells[1]: cells[2:-1]
        for line in text.split("## Every claim in every run")[1].split("## What is left")[0].splitlines()
        if line.startswith("| ") and (cells := [cell.strip() for cell in line.split("|")])
    }
    assert rows["claim"] == ["whole", "other", "idle"]
    assert rows["q2.emergence"] == ["supported +0.70", "undecided +0.40", "supported +0.90"]
    assert rows["q4.support"] == ["not supported −0.20", "–", "–"]
    assert rows["q4.sedimentation"] == ["–", "undecided (not defined)", "–"]
    in_full = text.split("**q2.emergence**")[1].splitlines()
    assert [cell.strip() for cell in in_full[4].split("|")[1:-1]] == [
        "whole",
        "+0.70 [+0.60, +0.80]",
        "+0.30 [+0.20, +0.40]",
        "+0.05 [−0.10, +0.20]",
        "1 of 2 (not: features of the untrained network)",
        "supported",
    ]
    assert "No two of these runs could be matched" in text
    assert text.endswith("- whole, other: no images in common\n")


def test_two_runs_that_have_learned_say_nothing_of_others(compared):
    assert "not learned" not in told_of(compared, ["whole", "other"])
