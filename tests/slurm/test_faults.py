"""What may go wrong on a cluster: in the end the results are right, or the error names what is wrong."""

import os
import re
import subprocess
import time
from contextlib import contextmanager

import pytest
from cluster import LIMIT, QUICK, end, nodes, pid, update, wait_for
from workplace import SEED, differing

pytestmark = pytest.mark.slurm

PROBED = "seed-0/vinfo/own"


@pytest.fixture
def probes(again):
    """Names of three files that jobs of one rule make, removed from a finished run."""
    names = [f"{SEED}/vinfo/own/epoch-00{i}/linear/stem-to-penultimate.h5" for i in range(3)]
    again.remove(*names)
    return names


def right(finished, again):
    """Whether a run has made the bytes that it should, and nothing is left that it was writing."""
    return differing(finished, again, [f"{PROBED}/**/*.h5"]) == [] and again.temporary() == []


def test_a_job_that_is_cancelled_is_tried_again(finished, again, probes, cluster):
    running = again.start(*QUICK, "--", *probes)
    subprocess.run(["scancel", cluster.job("rule_probe")], check=True)
    assert running.wait(LIMIT) == 0, again.said
    jobs = cluster.ended()
    assert sum("_" in job.number for job in jobs) >= len(probes)  # as an array, before any is tried again
    states = [job.state for job in jobs]
    assert any(state.startswith("CANCELLED") for state in states)
    assert states.count("COMPLETED") == len(probes)
    assert right(finished, again)


def test_a_job_over_its_memory_is_tried_again_with_more(finished, again, probes, cluster):
    profile = again.path("slurm/config.yaml")
    text = profile.read_text()
    small = re.sub(r"(probe: .*mem_mb: )16000 \* attempt", r"\g<1>100 * attempt ** 6", text)
    assert small != text
    profile.write_text(small)
    done = again.snakemake(*QUICK, "--", probes[0])
    assert done.code == 0, done.output
    jobs = cluster.ended()
    assert [job.state for job in jobs][-1] == "COMPLETED"
    assert len(jobs) == 2
    assert jobs[0].state in ("FAILED", "OUT_OF_MEMORY")
    assert "mem=6400M" in jobs[1].resources
    assert again.temporary() == []


@contextmanager
def drained():
    """Let no job start; those that run go on."""
    for node in nodes():
        update(node, "drain")
    try:
        yield
    finally:
        for node in nodes():
            update(node, "resume")


def test_jobs_wait_for_a_drained_node(finished, again, probes, cluster):
    with drained():
        running = again.start(*QUICK, "--", *probes)
        cluster.job("rule_probe", state="PENDING")
        time.sleep(10)  # Snakemake looks at them meanwhile
        assert running.poll() is None, again.said
        assert not cluster.queue("RUNNING")
    assert running.wait(LIMIT) == 0, again.said
    assert right(finished, again)


def test_a_killed_snakemake_is_gone_on_with(finished, again, probes, cluster):
    running = again.start(*QUICK, "--", *probes)
    cluster.job("rule_probe")
    with drained():  # of three jobs on two CPUs the third stays in the queue
        wait_for(lambda: "  done  " in again.said, "the end of a job")
        again.kill_when(lambda: True, running)
        ended = len(re.findall(r"  done +Probing: ", again.said))
        cluster.cancel()
    locked = again.snakemake(*QUICK, "--", *probes)
    assert locked.code != 0
    assert "unlock" in locked.output
    assert again.snakemake(*QUICK, "--unlock", "--", *probes).code == 0
    assert 1 <= again.plan(*probes)["probe"] <= len(probes) - ended  # it may have been killed before it told of one
    done = again.snakemake(*QUICK, "--", *probes)
    assert done.code == 0, done.output
    assert right(finished, again)


def test_the_controller_may_be_restarted_during_a_run(finished, again, probes, cluster):
    running = again.start(*QUICK, "--", *probes)
    cluster.job("rule_probe")
    end(pid("Slurmctld"))
    time.sleep(5)  # squeue and sbatch fail meanwhile
    subprocess.run(["slurmctld"], check=True)
    assert running.wait(LIMIT) == 0, again.said
    assert right(finished, again)


def test_a_shard_damaged_between_two_rules_is_named(again, probes, cluster):
    shard = again.path(f"{SEED}/activations/epoch-001/block-01/shard-001.h5")
    content, times = shard.read_bytes(), shard.stat()
    shard.write_bytes(content[:-100])
    os.utime(shard, ns=(times.st_atime_ns, times.st_mtime_ns))
    hit = [name for name in probes if "/epoch-001/" in name]
    done = again.snakemake(*QUICK, "--retries", "0", "--", *hit)
    assert done.code != 0
    assert "activations/epoch-001/block-01/shard-001.h5" in done.output.splitlines()[-1], done.output
    assert done.errors == done.output.splitlines()[-1:]
    assert not any(again.path(name).exists() for name in hit)
    assert again.temporary() == []
