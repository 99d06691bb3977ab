"""A real Slurm cluster, as a user sees it. `tests/slurm/cluster.sh start` starts one."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# The cluster is near and idle: look at jobs more often than is polite elsewhere.
QUICK = (
    *("--profile", "slurm", "--latency-wait", "10"),
    *("--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "3"),
)

LIMIT = 600  # seconds after which a Snakemake that should have ended counts as hung


@dataclass
class Job:
    """A job as `squeue` and `sacct` tell of it."""

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

    def starts(self, number: str) -> int:
        """Return how often a job has been started."""
        asked = ("--noheader", "--parsable2", "--format=Start", f"--jobs={number}")
        return len(set(_lines("sacct", "-X", "--duplicates", *asked)) - {"Unknown"})  # not yet, while it is queued

    def job(self, comment: str, state: str = "RUNNING") -> str:
        """Wait for a job in a state whose comment begins so; return its number."""

        def found() -> str:
            return next((job.number for job in self.queue(state) if job.comment.startswith(comment)), "")

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
