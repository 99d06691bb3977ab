"""What may go wrong with a job on a cluster: it is tried again, or the error names what is wrong."""

import os
import re
import subprocess

import pytest
from cluster import LIMIT, QUICK
from workplace import SEED

pytestmark = pytest.mark.slurm


def test_a_job_that_is_cancelled_is_tried_again(again, probes, right, cluster):
    running = again.start(*QUICK, "--", *probes)
    subprocess.run(["scancel", cluster.job("rule_probe")], check=True)
    assert running.wait(LIMIT) == 0, again.said
    jobs = cluster.ended()
    assert sum("_" in job.number for job in jobs) >= len(probes)  # as an array, before any is tried again
    states = [job.state for job in jobs]
    assert states.count("COMPLETED") == len(probes)
    assert [state.split()[0] for state in states if state != "COMPLETED"] == ["CANCELLED"]  # the others wait for no one
    assert right()


def test_a_job_over_its_memory_is_tried_again_with_more(again, probes, right, cluster):
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


def test_a_full_disk_on_a_node_is_told_on_the_screen(again, probes, monkeypatch, cluster):
    """A limit on the size of files, which Slurm hands on to its jobs, stands for the disk."""
    monkeypatch.setattr(again, "largest_file", 30_000)
    done = again.snakemake(*QUICK, "--retries", "0", "--", probes[0])
    assert done.code != 0
    assert f"{probes[0]}: could not be written (File too large)" in done.output.splitlines()[-1], done.output
    assert done.errors == done.output.splitlines()[-1:]
    assert len(cluster.ended()) == 1
    assert not again.path(probes[0]).exists()
    assert again.temporary() == []
