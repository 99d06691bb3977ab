"""Runs on images that are made here: ground truth beside what the network found."""

import csv
import json

import pytest
from workplace import CHECKPOINTS, RUN, SEED, SHARDS, Workplace, planned, tiny

from strata import estimate
from strata.config.check import checked

pytestmark = pytest.mark.workflow

SHAPES = {
    "training.checkpoints": [],  # the first and the last alone
    "data.source": "shapes",
    "data.shapes": {
        "images": 160,
        "label_from": ["colour"],
        "correlation": {"between": ["colour", "shape"], "strength": 0.5},
    },
}
FACTORS = {"factor_codes": 1, "interventions": 1, "ground_truth": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    place = Workplace.new(tmp_path_factory.mktemp("shapes") / "made")
    done = place.make(changes=SHAPES)
    assert done.code == 0, done.output
    return place


def test_a_run_on_shapes_measures_the_true_factors(made):
    for checkpoint in (CHECKPOINTS[0], CHECKPOINTS[-1]):
        assert made.files(f"seed-0/vinfo/factors/{checkpoint}/linear/*")
    for features in ("factors", "calibration"):
        assert len(made.files(f"seed-0/codes/{features}/*")) == len(SHARDS)
    found = {f["id"]: f for f in json.loads(made.path(f"{RUN}/findings.json").read_text())}
    assert "truth.ranking" not in found  # factors that are not independent are not ranked
    assert 0 < found["truth.shortcut"]["n"] < 160  # test images
    assert "truth.shortcut" in made.path(f"{RUN}/findings.md").read_text()
    assert {"truth.noise", "truth.rarity"} <= found.keys()
    for name in ("ground_truth", "calibration"):
        for kind in ("svg", "png"):
            assert made.path(f"{RUN}/figures/{name}.{kind}").stat().st_size > 1000
    with open(made.path(f"{RUN}/tables/calibration.csv")) as file:
        assert len(list(csv.DictReader(file))) == 39 * 3
    with open(made.path(f"{RUN}/tables/ground_truth.csv")) as file:
        shown = {(row["shown"], row["factor"]) for row in csv.DictReader(file)}
    assert ("complexity", "colour") in shown
    assert "Ground truth" in made.path(f"{RUN}/report.html").read_text()


def test_nothing_is_left_to_do(made):
    assert made.plan(changes=SHAPES) == {}


@pytest.mark.parametrize(
    ("key", "value", "again"),
    [("data.seed", 1, "index"), ("data.size", 24, "decode"), ("questions.confidence", 0.9, "findings")],
)
def test_a_changed_key_reruns_what_uses_it(made, key, value, again):
    plan = made.plan(changes={**SHAPES, key: value})
    assert again in plan
    assert ("interventions" in plan) == key.startswith("data")


def test_the_images_follow_their_settings_and_nothing_else_does_where_they_are_not_made(made, again):
    more = {**SHAPES["data.shapes"], "images": 200}
    assert "index" in made.plan(changes={**SHAPES, "data.shapes": more})
    assert again.plan(changes={"data.shapes": more}) == {}


def test_ground_truth_is_planned_for_shapes_alone(fresh):
    digits, few = fresh.plan(changes={"training.checkpoints": []}), fresh.plan(changes=SHAPES)
    assert not FACTORS.keys() & digits.keys()
    assert {rule: few[rule] for rule in FACTORS} == FACTORS
    digits, many = (
        fresh.plan(changes={**changes, "jobs": "many"}) for changes in ({"training.checkpoints": []}, SHAPES)
    )
    assert {rule: many[rule] for rule in FACTORS} == FACTORS
    assert (
        many["probe"] == digits["probe"] + 2
    )  # of the factors in two checkpoints; of spoilt ones with them in the last
    for jobs, planned_jobs in (("few", few), ("many", many)):
        config = checked(tiny({**SHAPES, "jobs": jobs}))
        table = estimate.estimate(
            config, estimate.traced(config), rates=next(iter(estimate.read_rates().values()))
        ).set_index("rule")
        assert table.loc["all", "jobs"] == sum(planned_jobs.values())


@pytest.mark.parametrize("overlay", ["shapes", "shortcut"])
def test_the_overlays_are_planned(fresh, overlay):
    target = f"results/{overlay}/figures/ground_truth.svg"
    done = fresh.snakemake("--dry-run", "--", target, configfile=f"config/{overlay}.yaml")
    assert done.code == 0, done.output
    assert planned(done.output)["interventions"] == 1


def test_too_few_images_for_the_classes_are_one_line(fresh):
    few = {"images": 40, "label_from": ["colour", "texture", "shape"]}
    done = fresh.make(f"{RUN}/images/index.csv", changes={**SHAPES, "data.shapes": few})
    assert done.code != 0
    assert len(done.errors) == 1, done.output
    assert "data.shapes.images: 40 images" in done.errors[0]
    assert not fresh.path(f"{SEED}/checkpoints").exists()
