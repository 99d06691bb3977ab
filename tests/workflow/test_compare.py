"""`snakemake compare`: finished runs side by side, none of them made again."""

import json
import os
import shutil

import pytest
from workplace import RUN

from strata import tables

pytestmark = pytest.mark.workflow

RUNS = {"runs": ["tiny", "copy"], "comparison": "mine"}
MINE = "results/comparisons/mine"


@pytest.fixture
def two(again):
    """The finished run, and a copy of it under another name that tests one claim less."""
    shutil.copytree(again.path(RUN), again.path("results/copy"))
    path = again.path("results/copy/findings.json")
    found = json.loads(path.read_text())
    path.write_text(json.dumps([f for f in found if f["id"] != "q2.growth"]))
    os.utime(
        again.path(f"{RUN}/images/index.csv")
    )  # newer than what is made from it: who asked for the run would make it again
    return again


def test_runs_are_compared_and_compared_again_when_one_changes(two):
    assert two.plan("compare", changes=RUNS) == {"compare": 1}
    done = two.make("compare", changes=RUNS)
    assert done.code == 0, done.output
    score = tables.read(two.path(f"{MINE}/scorecard.csv"))
    found = {f["id"]: f for f in json.loads(two.path(f"{RUN}/findings.json").read_text())}
    assert set(score["id"]) == set(found)
    assert len(score) == 2 * len(found)
    missing = score[score["verdict"].isna()]
    assert missing[["id", "run"]].to_numpy().tolist() == [["q2.growth", "copy"]]
    own = score[score["run"] == "tiny"].set_index("id")
    assert own["verdict"].to_dict() == {id: f["verdict"] for id, f in found.items()}
    assert own["value"].to_dict() == pytest.approx(
        {id: float("nan") if f["value"] is None else f["value"] for id, f in found.items()}, nan_ok=True
    )
    matched = tables.read(two.path(f"{MINE}/matched.csv"))  # the same network: every feature is itself
    features = tables.read(two.path(f"{RUN}/features.csv"))
    assert (matched["feature"] == matched["other_feature"]).all()
    assert len(matched) == len(features)
    assert matched["correlation"].dropna().min() > 1 - 1e-6

    assert two.plan("compare", changes=RUNS) == {}
    path = two.path("results/copy/findings.json")
    path.write_text(path.read_text().replace('"undecided"', '"not supported"', 1))
    assert two.plan("compare", changes=RUNS) == {"compare": 1}


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        (["tiny", "nowhere"], "names nowhere, but results/nowhere does not exist"),
        (["tiny"], "must name at least 2 finished runs"),
        (["tiny", "results/tiny"], "tiny and results/tiny are one run"),
        ("tiny", "must be a list of finished runs"),
    ],
)
def test_what_cannot_be_compared_is_told_in_one_line(again, runs, said):
    done = again.make("compare", changes={"runs": runs})
    assert done.code != 0
    assert len(done.errors) == 1, done.output
    assert said in done.errors[0]
    assert "Traceback" not in done.output
    assert not again.path("results/comparisons").exists()
    assert [*again.path(".snakemake/locks").glob("*")] == []


def test_a_run_of_another_version_is_told_in_one_line(two):
    path = two.path("results/copy/features.csv")
    path.write_text(path.read_text().replace("relative_complexity,", "relative,", 1))
    done = two.make("compare", changes=RUNS)
    assert len(done.errors) == 1, done.output
    assert (
        "run copy was made by another version of Strata (results/copy/features.csv lacks the column" in done.errors[0]
    )


def test_a_run_is_not_made_with_the_keys_of_a_comparison(again):
    done = again.snakemake("--dry-run", changes={"runs": ["tiny", "copy"]})
    assert done.code != 0
    assert len(done.errors) == 1, done.output
    assert "config key runs is one of a comparison: snakemake compare" in done.errors[0]
