"""What tests on a real Slurm cluster share."""

import getpass
import shutil
import subprocess
import time
from collections.abc import Iterator

import pytest
from cluster import Cluster, wait_for


@pytest.fixture(scope="session", autouse=True)
def _a_cluster() -> None:
    if not shutil.which("sbatch"):
        pytest.skip("no sbatch here; tests/slurm/cluster.sh start installs and starts a cluster")
    if subprocess.run(["sinfo"], capture_output=True).returncode:
        pytest.skip("no cluster answers; tests/slurm/cluster.sh start starts it")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """The cluster; what a failed test leaves in the queue is cancelled."""
    cluster = Cluster()
    yield cluster
    subprocess.run(["scancel", "--user", getpass.getuser()], check=True)
    wait_for(lambda: not cluster.queue("PENDING,RUNNING,COMPLETING"), "an empty queue")
    time.sleep(1.1)  # `since` counts whole seconds
