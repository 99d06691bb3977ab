"""What may go wrong with a cluster during a run: in the end the results are right."""

import re
import time
from contextlib import contextmanager

import pytest
from cluster import LIMIT, QUICK, nodes, update, wait_for

pytestmark = pytest.mark.slurm


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


def test_jobs_wait_for_a_drained_node(again, probes, right, cluster):
    with drained():
        running = again.start(*QUICK, "--", *probes)
        cluster.job("rule_probe", state="PENDING")
        time.sleep(10)  # Snakemake looks at them meanwhile
        assert running.poll() is None, again.said
        assert not cluster.queue("RUNNING")
    assert running.wait(LIMIT) == 0, again.said
    assert right()


def test_a_killed_snakemake_is_gone_on_with(again, probes, right, cluster):
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
    assert right()
