"""What Snakemake plans before anything has run."""

import json
from pathlib import Path

import pytest
import yaml
from workplace import REPOSITORY, RUN, SEED, planned, tiny

from strata import estimate
from strata.config.check import checked
from strata.measures.catalogue import MEASURES

pytestmark = pytest.mark.workflow

IMAGENET, SLURM = "config/imagenet.yaml", "slurm/config.yaml"
FEATURES = {"discovery": 1, "class_features": 1, "dictionary": 1}
needs_imagenet = pytest.mark.skipif(not (REPOSITORY / IMAGENET).exists(), reason=f"no {IMAGENET}")
needs_slurm = pytest.mark.skipif(not (REPOSITORY / SLURM).exists(), reason=f"no {SLURM}")


MANY = {"jobs": "many"}

TELL = """
import atexit, json
include: "Snakefile"
of = lambda kind: sorted({path for job in workflow.dag.jobs for path in map(str, getattr(job, kind))})
atexit.register(lambda: open("files.json", "w").write(json.dumps({kind: of(kind) for kind in ("input", "output")})))
"""


def test_in_a_run_of_few_jobs_every_rule_is_one(fresh):
    assert fresh.plan() == dict.fromkeys(fresh.plan(changes=MANY).keys() - {"cache_ends"}, 1)


def test_in_a_run_of_many_every_checkpoint_and_population_is_one(fresh):
    assert fresh.plan(changes=MANY) == {
        "index": 1,
        "decode": 2,
        "train": 1,
        "cache": 1,  # all shards of a checkpoint
        "cache_ends": 2,  # the first and the last
        "discovery": 1,
        "class_features": 5,  # three checkpoints, two halves
        "dictionary": 5,
        "codes": 8,  # of those, and of other directions at every checkpoint
        "control_directions": 3,
        "control_codes": 1,
        "projections": 1,
        "probe": 9,  # own 3, followed 3, others 1, flow 2
        **{measure.name: 3 if measure.of_nulls else 1 for measure in MEASURES.values()},
        "measurements": 3,  # what was learned, other directions, untrained features
        "support": 3,
        "gather": 1,
        "nulls": 1,
        "decoded": 1,
        "findings": 1,
        "draw": 1,
        "report": 1,
        "answer": 1,
        "explorer": 1,
        "crate": 1,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {},
        MANY,
        {**MANY, "seeds": [0, 1], "probes.layers_per_job": 1, "activations.shards": 1},
        {"probes.family": "mlp"},
        {**MANY, "probes.family": "mlp"},
        {**MANY, "questions.visualise": True, "features.jobs": 4},
        {"controls.shuffled_labels": True, "features.jobs": 2},
        {**MANY, "controls.shuffled_labels": True},
    ],
)
def test_the_estimate_counts_the_jobs_that_are_planned(fresh, changes):
    config = checked(tiny(changes))
    table = estimate.estimate(
        config, estimate.traced(config), rates=next(iter(estimate.read_rates().values()))
    ).set_index("rule")
    plan = fresh.plan(changes=changes)
    assert table.loc["cache", "jobs"] == plan["cache"] + plan.get("cache_ends", 0)
    by_checkpoint = ("class_features", "dictionary", "codes")
    by_seed = ("train", "discovery", "control_directions", "control_codes", "projections", *MEASURES)
    for rule in (*by_checkpoint, *by_seed):
        assert table.loc[rule, "jobs"] == plan[rule], rule
    for rule in ("decoded", *(["visualise"] if config.questions.visualise else [])):
        assert table.loc[rule, "jobs"] == plan[rule], rule
    assert table.loc["index, decode", "jobs"] == plan["index"] + plan["decode"]
    assert ("seed_stability" in plan) == (len(config.seeds) > 1)
    assert "seed_stability" not in plan or table.loc["seed_stability", "jobs"] == 1
    assert table[table.index.str.startswith("probe ")]["jobs"].sum() == plan["probe"]
    assert ("probe (mlp)" in table.index) == (config.probes.family == "mlp")
    assert table.loc["all", "jobs"] == sum(plan.values())


def test_the_estimate_of_a_finished_run_tells_its_disk(finished):
    config = checked(tiny())
    table = estimate.estimate(
        config, estimate.traced(config), rates=next(iter(estimate.read_rates().values()))
    ).set_index("rule")
    for rule, pattern in (("train", "seed-0/checkpoints/*"), ("codes", "seed-0/codes/[ehr]*/*")):
        size = sum(path.stat().st_size for path in finished.files(pattern).values())
        assert 0.3 < table.loc[rule, "disk"] / size < 3, rule  # tiny files are mostly headers


def test_a_figure_is_planned_without_the_report(fresh):
    plan = fresh.plan(f"{RUN}/figures/q2_emergence.png")
    assert plan["draw"] == 1
    assert "report" not in plan


def test_a_checkpoint_is_planned_with_its_images_only(fresh):
    plan = fresh.plan(f"{SEED}/checkpoints/epoch-000.pt", changes=MANY)
    assert plan == {"index": 1, "decode": 2, "train": 1}


def test_codes_of_a_half_are_planned_with_the_last_checkpoint_alone(fresh):
    plan = fresh.plan(f"{SEED}/codes/half-1/shard-001.h5", changes=MANY)
    assert plan == {"index": 1, "decode": 2, "train": 1, "cache_ends": 1, **FEATURES, "codes": 1}


def test_codes_of_one_shard_are_planned_without_probes(fresh):
    plan = fresh.plan(f"{SEED}/codes/epoch-001/shard-001.h5", changes=MANY)
    assert plan == {"index": 1, "decode": 2, "train": 1, "cache": 1, **FEATURES, "codes": 1}


def test_a_figure_of_a_finished_run_takes_its_drawing_only(again):
    again.remove(f"{RUN}/figures/q2_emergence.png")
    assert again.plan(f"{RUN}/figures/q2_emergence.png") == {"draw": 1}


def test_two_seeds_are_trained_and_measured_apart_and_gathered_once(fresh):
    plan = fresh.plan(changes={"seeds": [0, 1]})
    one = {
        "index",
        "decode",
        "gather",
        "nulls",
        "decoded",
        "findings",
        "draw",
        "report",
        "answer",
        "explorer",
        "crate",
    }
    single = fresh.plan()
    assert plan.pop("seed_stability") == 1
    assert plan == {rule: count if rule in one else 2 * count for rule, count in single.items()}


def test_fewer_checkpoints_plan_less(fresh):
    plan = fresh.plan(changes={**MANY, "training.epochs": 9, "training.checkpoints": [3]})
    assert (plan["cache"], plan["dictionary"], plan["probe"]) == (1, 5, 9)


def test_studied_shards_are_planned_and_all_are_trained_on(fresh):
    plan = fresh.plan(changes={**MANY, "data.shards": 5, "activations.shards": 1})
    assert (plan["decode"], plan["cache"], plan["codes"]) == (5, 1, 8)


def test_classes_are_spread_over_jobs(fresh):
    plan = fresh.plan(changes={**MANY, "features.jobs": 4})
    assert (plan["discovery"], plan["class_features"], plan["dictionary"]) == (4, 20, 5)


def test_layers_a_job_set_the_number_of_probe_jobs(fresh):
    plan = fresh.plan(changes={**MANY, "probes.layers_per_job": 1})
    assert plan["probe"] == 4 * (3 + 1 + 1) + 2 + 2 * 4  # own, untrained, others; followed; flow


def test_superclasses_are_checked_where_they_are_given(fresh):
    fresh.path("super.csv").write_text("class,superclass\n")
    plan = fresh.plan(changes={"data.superclasses": "super.csv"})
    assert plan == {**fresh.plan(), "superclasses": 1}


@needs_imagenet
def test_imagenet_is_planned_without_its_data_in_no_more_than_2200_jobs(fresh):
    """As README and site tell; and of its arrays none is unread (see below)."""
    output, unread = planned_with_arrays(fresh, IMAGENET, "--profile", "slurm")
    assert unread == []
    plan = planned(output)
    assert plan["train"] == 1
    assert plan["dictionary"] == 91 + 2
    assert plan["class_features"] == 10 * (91 + 2)
    assert 1000 < sum(plan.values()) <= 2200
    profile = yaml.safe_load((REPOSITORY / SLURM).read_text())
    at_once = (profile["jobs"], int(profile["max-jobs-per-timespan"].split("/")[0]))
    assert min(at_once) > sum(plan.values())  # else the executor loses jobs of its arrays
    assert not fresh.path("results").exists()


RUNS = {path.name for path in (REPOSITORY / "config").glob("*.yaml")} - {"comparison.yaml", Path(IMAGENET).name}


@pytest.mark.parametrize("overlay", sorted(RUNS))
def test_every_array_that_is_planned_is_read_by_another_job(fresh, overlay):
    _, unread = planned_with_arrays(fresh, f"config/{overlay}")
    assert unread == []


def planned_with_arrays(place, configfile, *options):
    """Return what a plan of all says, and the arrays that no other job of it reads."""
    place.path("Tell").write_text(TELL)
    done = place.snakemake("--dry-run", *options, "--snakefile", "Tell", "all", configfile=configfile)
    assert done.code == 0, done.output
    files = json.loads(place.path("files.json").read_text())
    arrays = {path for path in files["output"] if path.endswith(".h5")}
    assert {path.split("/")[3] for path in arrays if "/seed-" in path} >= {"activations", "features", "codes", "vinfo"}
    return done.output, sorted(arrays - set(files["input"]))


@needs_slurm
def test_a_cluster_is_asked_for_the_same_jobs(fresh):
    done = fresh.snakemake("--profile", "slurm", "--dry-run")
    assert done.code == 0, done.output
    assert planned(done.output) == fresh.plan()


def test_a_network_of_shuffled_labels_is_trained_and_measured_beside_each(fresh):
    plan, without = fresh.plan(changes={**MANY, "controls.shuffled_labels": True}), fresh.plan(changes=MANY)
    assert plan["train"] == 2
    assert plan["cache"] == 2 * without["cache"]
    assert plan["control_directions"] == without["control_directions"]  # nulls have no nulls
    assert (plan["measurements"], plan["support"], plan["nulls"]) == (4, 4, 1)
