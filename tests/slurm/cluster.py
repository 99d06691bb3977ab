"""A real Slurm cluster, as its user sees it. `tests/slurm/cluster.sh start` starts one."""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

# The cluster is near and idle: look at jobs more often than is polite elsewhere.
QUICK = (
    *("--profile", "slurm", "--latency-wait", "10"),
    *("--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1"),
)

MARK = "# Written by Strata's tests/slurm/cluster.sh"  # in the configuration of a cluster that is there for these tests
LIMIT = 600  # seconds after which a Snakemake that should have ended counts as hung


def lacking() -> str:
    """Return why these tests must not run here, or nothing: they need a cluster that is there for them alone."""
    start = "tests/slurm/cluster.sh start"
    if not shutil.which("sbatch"):
        return f"no sbatch here; {start} installs and starts a cluster"
    configuration = Path(os.environ.get("SLURM_CONF", "/etc/slurm/slurm.conf"))
    if not configuration.exists() or MARK not in configuration.read_text():
        return f"this Slurm is not the tests' own ({configuration} has no mark of tests/slurm/cluster.sh)"
    if subprocess.run(["sinfo"], capture_output=True).returncode:
        return f"no cluster answers; {start} starts it"
    return ""


@contextmanager
def held(shared: Path, *, alone: bool = False) -> Iterator[None]:
    """Hold the cluster: beside other tests, or alone, so that no other's command finds a controller that is away."""
    with (shared / "cluster.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


@dataclass
class Job:
    """A job as `squeue` and `sacct` tell of it."""

    number: str
    partition: str
    state: str
    comment: str
    resources: str
    nodes: str


class Cluster:
    """The cluster, as far as it is the tests' own: jobs that were submitted from below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.since = datetime.now().strftime("%Y-%m-%dT%H:%M:%S")

    def queue(self, state: str = "PENDING,RUNNING") -> list[Job]:
        """Return the jobs in the queue."""
        return self._jobs(_lines("squeue", "--noheader", f"--states={state}", "--format=%Z|%i|%P|%T|%k|%b|%N"))

    def cancel(self) -> None:
        """Cancel the jobs that are left, one by one by their numbers, and wait until they are gone."""
        for job in self.queue("PENDING,RUNNING"):
            subprocess.run(["scancel", job.number], check=True)
        wait_for(lambda: not self.queue("PENDING,RUNNING,COMPLETING"), "an empty queue")

    def ended(self) -> list[Job]:
        """Return the jobs that have been submitted and have ended since the test began."""
        asked = "--format=WorkDir,JobID,Partition,State,Comment,AllocTRES,NodeList"
        since = f"--starttime={self.since}"
        return self._jobs(_lines("sacct", "-X", "--duplicates", "--noheader", "--parsable2", since, asked))

    def _jobs(self, rows: list[str]) -> list[Job]:
        split = [row.split("|") for row in rows]
        return [Job(*told) for folder, *told in split if Path(folder).is_relative_to(self.folder)]

    def starts(self, number: str) -> int:
        """Return how often a job has been started."""
        asked = ("--noheader", "--parsable2", "--format=Start", f"--jobs={number}")
        return len(set(_lines("sacct", "-X", "--duplicates", *asked)) - {"Unknown"})  # not yet, while it is queued

    def job(self, comment: str, state: str = "RUNNING") -> str:
        """Wait for a job in a state whose comment begins so; return its number."""

        def found() -> str:
            return next((job.number for job in self.queue(state) if job.comment.startswith(comment)), "")

        return wait_for(found, f"a job {comment} {state}")


def nodes() -> list[str]:
    """Return the names of the cluster's nodes."""
    return sorted(set(_lines("sinfo", "--noheader", "--Node", "--format=%N")))


def update(node: str, state: str) -> None:
    """Set the state of a node."""
    command = ["scontrol", "update", f"nodename={node}", f"state={state}"]
    subprocess.run([*command, *(["reason=test"] if state != "resume" else [])], check=True)


def up(node: str) -> bool:
    """Say whether jobs run on a node, or could."""
    return set(_lines("sinfo", "--noheader", f"--nodes={node}", "--format=%t")) <= {"idle", "mix", "alloc"}


def pid(daemon: str, node: str = "") -> int:
    """Return the number of the process of a daemon, Slurmctld or Slurmd."""
    (told,) = (line for line in _lines("scontrol", "show", "config") if line.startswith(f"{daemon}PidFile"))
    return int(Path(told.partition("=")[2].strip().replace("%n", node)).read_text())


def end(process: int) -> None:
    """End a daemon, and wait until it has."""
    os.kill(process, signal.SIGTERM)
    wait_for(lambda: not os.path.exists(f"/proc/{process}"), "the end of a daemon")


def _lines(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{command[0]}: {done.stderr}"
    return done.stdout.splitlines()


def wait_for(found: Callable[[], object], what: str, seconds: float = 240) -> Any:
    """Wait until something is there, and return it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if result := found():
            return result
        time.sleep(0.3)
    raise AssertionError(f"{what} did not come")
