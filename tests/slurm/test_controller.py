"""Slurm's controller may go away during a run, and come back."""

import subprocess
import time

import pytest
from cluster import LIMIT, QUICK, end, pid

pytestmark = [pytest.mark.slurm, pytest.mark.alone]


def test_the_controller_may_be_restarted_during_a_run(again, probes, right, cluster):
    running = again.start(*QUICK, "--", *probes)
    cluster.job("rule_probe")
    end(pid("Slurmctld"))
    time.sleep(5)  # squeue and sbatch fail meanwhile
    subprocess.run(["slurmctld"], check=True)
    assert running.wait(LIMIT) == 0, again.said
    assert right()
