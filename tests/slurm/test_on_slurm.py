"""A whole run through Slurm: the same bytes as without it, and every job where it belongs."""

import re

import pytest
import yaml
from cluster import QUICK, Cluster, held
from workplace import CHECKPOINTS, REPOSITORY, RUN, SEED, SHARDS, Workplace, differing

pytestmark = pytest.mark.slurm

PROFILE = yaml.safe_load((REPOSITORY / "slurm/config.yaml").read_text())
ON_GPU = {rule for rule, asked in PROFILE["set-resources"].items() if asked.get("gpu")}
TELL = """
import os as _os, sys as _sys
print("CUDA_VISIBLE_DEVICES is", _os.environ.get("CUDA_VISIBLE_DEVICES"), file=_sys.stderr)
"""


# Every rule, of as little as can be: a job takes seconds to be queued, started and watched.
SMALL = {"data.shards": 1, "training.checkpoints": []}


@pytest.fixture(scope="module")
def locally(tmp_path_factory):
    place = Workplace.new(tmp_path_factory.mktemp("whole") / "locally")
    done = place.make(changes=SMALL)
    assert done.code == 0, done.output
    return place


@pytest.fixture(scope="module")
def whole(tmp_path_factory, shared):
    """Run all on Slurm; every script tells at its end which devices it saw. Returns place, cluster, plan."""
    place = Workplace.new(tmp_path_factory.mktemp("whole") / "place")
    for script in place.path("workflow/scripts").glob("*.py"):
        place.append(f"workflow/scripts/{script.name}", TELL)
    cluster = Cluster(tmp_path_factory.getbasetemp())
    plan = place.plan(changes=SMALL)
    with held(shared):
        done = place.snakemake(*QUICK, "--slurm-keep-successful-logs", changes=SMALL)
    assert done.code == 0, done.output
    return place, cluster, plan


def rule_of(job):
    return re.match(r"rule_([a-z_]+?)(_wildcards_|$)", job.comment).group(1)


def test_the_results_are_those_of_a_run_without_slurm_byte_for_byte(locally, whole):
    patterns = ["features.csv", "findings.json", "seed-0/**/*.h5", "seed-0/checkpoints/*.pt"]
    assert differing(locally, whole[0], patterns) == []
    assert whole[0].path(f"{RUN}/report.html").stat().st_size > 1e5


def test_rules_land_on_their_partition_with_their_devices(whole):
    jobs = whole[1].ended()
    assert {job.state for job in jobs} == {"COMPLETED"}
    rules = {rule_of(job) for job in jobs}
    assert {"train", "cache", "class_features", "codes", "probe"} <= ON_GPU & rules
    assert rules - ON_GPU
    for job in jobs:
        on_gpu = rule_of(job) in ON_GPU
        assert job.partition == ("gpu" if on_gpu else "cpu"), job
        assert ("gres/gpu=1" in job.resources) == on_gpu, job


def test_a_job_on_a_gpu_sees_one_device_and_others_none(whole):
    seen = {}
    for log in whole[0].path(".snakemake/slurm_logs").glob("rule_*/**/*.log"):
        rule = log.relative_to(whole[0].path(".snakemake/slurm_logs")).parts[0].removeprefix("rule_")
        seen.setdefault(rule, set()).update(re.findall(r"CUDA_VISIBLE_DEVICES is (\S*)$", log.read_text(), re.M))
    assert {"train", "probe", "findings"} <= seen.keys()
    for rule, devices in seen.items():
        assert devices, rule
        assert devices <= ({"0", "1"} if rule in ON_GPU else {"None", "", "NoDevFiles"}), rule


def test_all_but_what_takes_a_second_goes_to_the_queue_and_tells_rule_and_wildcards(whole):
    _, cluster, plan = whole
    ended = cluster.ended()
    here = sum(plan[rule] for rule in ("dictionary", "control_directions", "gather", "nulls", "crate"))
    assert sum(plan.values()) - here == len(ended)
    told = {job.comment for job in ended}
    assert {"rule_train_wildcards_0", "rule_discovery_wildcards_0_classes-000", "rule_report"} <= told


def test_jobs_of_a_wide_rule_that_are_ready_at_once_are_one_array(finished, again, cluster):
    ends = [f"{SEED}/activations/{checkpoint}" for checkpoint in (CHECKPOINTS[0], CHECKPOINTS[-1])]
    codes = [f"{SEED}/codes/{features}" for features in ("epoch-001", "random-epoch-001")]
    again.remove(*ends, *codes)
    wanted = [f"{folder}/stem/{SHARDS[0]}.h5" for folder in ends] + [f"{folder}/{SHARDS[0]}.h5" for folder in codes]
    done = again.snakemake(*QUICK, "--", *wanted)
    assert done.code == 0, done.output
    arrays = {}
    for job in cluster.ended():
        array, _, task = job.number.partition("_")
        arrays.setdefault((rule_of(job), array), []).append(task)
    found = {rule: sorted(tasks) for (rule, _), tasks in arrays.items()}
    assert found == {"cache_ends": ["1", "2"], "codes": ["1", "2"]}
    assert len(arrays) == len(found)
    assert differing(finished, again, ["seed-0/activations/**/*.h5", "seed-0/codes/**/*.h5"]) == []
