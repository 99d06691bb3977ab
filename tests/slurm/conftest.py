"""What tests on a real Slurm cluster share. `tests/slurm/cluster.sh start` starts one."""

import getpass
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from workplace import Workplace

# The cluster is near and idle: look at jobs more often than is polite elsewhere.
QUICK = (
    *("--profile", "slurm", "--latency-wait", "10"),
    *("--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "3"),
)

LIMIT = 600  # seconds after which a Snakemake that should have ended counts as hung


@dataclass
class Job:
    """A job as `sacct` knows it."""

    number: str
    partition: str
    state: str
    comment: str
    resources: str


class Cluster:
    """The cluster, as a user sees it."""

    def __init__(self) -> None:
        self.since = datetime.now().strftime("%Y-%m-%dT%H:%M:%S")

    def queue(self, state: str = "PENDING,RUNNING") -> list[Job]:
        """Return the jobs in the queue."""
        rows = _lines("squeue", "--noheader", f"--states={state}", "--format=%i|%P|%T|%k|%b")
        return [Job(*row.split("|")) for row in rows]

    def ended(self) -> list[Job]:
        """Return the jobs that have been submitted and have ended since the test began."""
        asked = "--format=JobID,Partition,State,Comment,AllocTRES"
        rows = _lines("sacct", "-X", "--duplicates", "--noheader", "--parsable2", f"--starttime={self.since}", asked)
        return [Job(*row.split("|")) for row in rows]

    def job(self, comment: str, state: str = "RUNNING") -> str:
        """Wait for a job in a state whose comment or name starts so; return its number."""

        def found() -> str:
            rows = _lines("squeue", "--noheader", f"--states={state}", "--format=%i|%k|%j")
            return next((i for i, *told in (row.split("|") for row in rows) if any(comment in t for t in told)), "")

        return wait_for(found, f"a job {comment} {state}")


def _lines(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def wait_for(found: Callable[[], object], what: str, seconds: float = 240) -> Any:
    """Wait until something is there, and return it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if result := found():
            return result
        time.sleep(0.3)
    raise AssertionError(f"{what} did not come")


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


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A whole run of the tiny configuration without Slurm; tests only read it, or copy it."""
    place = Workplace.new(tmp_path_factory.mktemp("slurm") / "finished")
    done = place.make()
    assert done.code == 0, done.output
    return place


@pytest.fixture
def again(finished: Workplace, tmp_path) -> Iterator[Workplace]:
    """A copy of the finished run, to change."""
    yield finished.copy(tmp_path / "again")
    shutil.rmtree(tmp_path / "again", ignore_errors=True)
