"""Runs whose predictive family is the perceptron."""

import csv
import json

import pytest
from workplace import CHECKPOINTS, RUN, SEED, differing

pytestmark = pytest.mark.workflow

LAST = CHECKPOINTS[-1]
MLP = {
    "probes.family": "mlp",
    "probes.mlp.width": 8,
    "probes.mlp.epochs": 2,
    "probes.mlp.batch_size": 256,
}
FOLLOWS = {
    **dict.fromkeys(("measurements", "support"), 3),
    **dict.fromkeys(("gather", "nulls", "decoded", "findings", "draw", "report", "answer", "explorer", "crate"), 1),
}
DRAWN = f"{RUN}/tables/families.csv"
SHOWN = ["features.csv", "tables/by_family.csv", "tables/families.csv", "figures/families.*"]


@pytest.fixture(scope="module")
def perceptrons(finished, tmp_path_factory):
    """The finished run, gone on with perceptrons; tests only read it, or copy it."""
    place = finished.copy(tmp_path_factory.mktemp("workflow") / "perceptrons")
    assert place.plan(changes=MLP) == {"probe": 7, **FOLLOWS}
    done = place.make(changes=MLP)
    assert done.code == 0, done.output
    return place


@pytest.fixture
def more(perceptrons, tmp_path):
    """A copy of it, to change."""
    return perceptrons.copy(tmp_path / "more")


def table(place, name):
    with open(place.path(f"{RUN}/{name}"), newline="") as file:
        return list(csv.DictReader(file))


def test_every_probe_is_a_perceptron_but_branches_and_the_last_features_in_the_last_checkpoint(fresh):
    plan = fresh.plan(changes=MLP | {"jobs": "many"})
    assert plan["probe"] == 7 + 3


def test_linear_runs_train_no_perceptron(finished):
    assert finished.files("seed-0/vinfo/*/*/mlp/*") == {}
    assert not finished.path(f"{RUN}/tables/families.csv").exists()


def test_complexity_is_that_of_perceptrons_and_compared_with_that_of_linear_probes(finished, perceptrons):
    features, before, families = (
        table(place, name)
        for place, name in (
            (perceptrons, "features.csv"),
            (finished, "features.csv"),
            (perceptrons, "tables/families.csv"),
        )
    )
    assert [row["complexity"] for row in features] != [row["complexity"] for row in before]
    assert list(families[0])[:2] == ["seed", "feature"]
    for column, rows in (("complexity_mlp", features), ("complexity_linear", before)):
        known = {row["feature"]: float(row["complexity"]) for row in rows if row["complexity"]}
        assert {row["feature"]: float(row[column]) for row in families} == pytest.approx(known)


def test_the_claim_is_tested_and_the_figure_is_in_the_report(finished, perceptrons):
    found, before = (json.loads(place.path(f"{RUN}/findings.json").read_text()) for place in (perceptrons, finished))
    assert {f["id"] for f in found} - {f["id"] for f in before} == {"a.families"}
    assert "families.svg" in perceptrons.path(f"{RUN}/report.html").read_text()


def test_the_same_configuration_gives_the_same_bytes(perceptrons, more):
    again = f"{SEED}/vinfo/own/{LAST}/mlp"
    more.remove(again, f"{SEED}/tables/learned/features.csv", f"{RUN}/features.csv")
    done = more.make(f"{RUN}/features.csv", DRAWN, changes=MLP)
    assert done.code == 0, done.output
    assert differing(perceptrons, more, [f"seed-0/vinfo/own/{LAST}/mlp/*", *SHOWN]) == []


@pytest.mark.parametrize(
    ("key", "value", "rerun"),
    [
        ("probes.penalties", [0.001, 1.0], {"probe": 3, "redundancy": 3, "extrapolation": 1, **FOLLOWS}),
        ("probes.mlp.width", 9, {"probe": 7, **FOLLOWS}),
        ("probes.folds", 4, {"probe": 10, "redundancy": 3, "extrapolation": 1, **FOLLOWS}),
        ("probes.family", "linear", FOLLOWS),
    ],
)
def test_a_changed_key_reruns_the_family_that_uses_it(more, key, value, rerun):
    assert more.plan(changes=MLP | {key: value}) == rerun


def test_an_edited_perceptron_trains_again_and_leaves_linear_probes(more):
    more.append("strata/probes/perceptron.py", "\nEDITED = True\n")
    assert more.plan(changes=MLP) == {"probe": 7, **FOLLOWS}
