"""What a run says while it runs: a line a job as it begins and ends, and last what its user has to know.

It knows nothing of Snakemake, whose events `snakemake_logger_plugin_strata` hands over.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from textwrap import shorten

import yaml

SAID = "Error: "
"""What a line begins with that a user is meant to read."""

_LIMITS = {"TIMEOUT": ("time", "runtime", "minutes"), "OUT_OF_MEMORY": ("memory", "mem_mb", "MB")}
"""How a queue ends a job that needs more than it asked for: what, by which resource of a profile, in which unit."""


@dataclass(frozen=True)
class Begun:
    """A job that has begun, or waits in a queue.

    Attributes
    ----------
    rule, does : str
        The name of its rule, and what it does, in the words of the rule.
    at : float
        Since when, in seconds.
    asked : mapping
        Resources that it asked a queue for, such as `runtime` and `mem_mb`.
    """

    rule: str
    does: str
    at: float
    asked: Mapping[str, int] = field(default_factory=dict)


class Console:
    """A run on a user's screen.

    Parameters
    ----------
    write
        Shows a line.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._waiting: Counter[str] = Counter()  # jobs that have not ended, by rule
        self._jobs = 0
        self._took: dict[str, list[float]] = {}  # seconds of the jobs that have ended, by rule
        self._running: dict[int, Begun] = {}
        self._failed: dict[int, str] = {}  # what to tell of it
        self._began = 0.0
        self._shown = ""
        self._page = ""

    def planned(self, jobs: Mapping[str, int], at: float) -> None:
        """Tell how many jobs a run has.

        Parameters
        ----------
        jobs
            Their number, by rule.
        at
            When it begins, in seconds.
        """
        self._waiting, self._jobs, self._began = Counter(jobs), sum(jobs.values()), at
        self._say(at, f"{self._jobs} job{'s' * (self._jobs != 1)}")

    def begins(self, number: int, job: Begun, *, queued: bool = False) -> None:
        """Tell that a job begins.

        Parameters
        ----------
        number
            By which it is known when it ends.
        job
            What it is.
        queued
            Whether it waits in a queue first.
        """
        self._running[number] = job
        self._failed.pop(number, None)  # it is tried again
        self._say(job.at, f"{'queued' if queued else 'begins'}  {job.does}")

    def ends(self, number: int, at: float) -> None:
        """Tell that a job has ended, how long it took, and how much of the run is left.

        Parameters
        ----------
        number
            Of the job; one that never began is no one's concern.
        at
            When, in seconds.
        """
        job = self._running.pop(number, None)
        if job is None:
            return
        self._took.setdefault(job.rule, []).append(at - job.at)
        self._waiting[job.rule] -= 1
        done = self._jobs - self._waiting.total()
        left = f", about {lasting(self._left(at))} left" if done < self._jobs else ""
        self._say(at, f"done    {job.does} ({lasting(at - job.at)}); {done} of {self._jobs} jobs{left}")

    def fails(self, number: int, at: float, *, logs: Iterable[str], why: str) -> None:
        """Tell that a job has failed, and what the user has to mend.

        Parameters
        ----------
        number
            Of the job.
        at
            When, in seconds.
        logs
            Where the job may have written what it says.
        why
            What is known of it beside what the job itself has written.
        """
        job = self._running.pop(number, None)
        if job is None:
            return
        logs = [log for log in logs if Path(log).is_file()]
        self._failed[number] = too_little(why, job) or last_error(logs, since=job.at) or f"{SAID}{job.does}: {why}"
        where = f"; log: {', '.join(logs)}" if logs else ""
        self._say(at, f"failed  {job.does} ({lasting(at - job.at)}{where})")
        self._show(self._failed[number])

    def tells(self, text: str) -> None:
        """Show what is neither of a job nor of a plan."""
        self._show(text)

    def has_page(self, paths: Iterable[str]) -> None:
        """Remember the page of a run, if it is among some files."""
        self._page = next((path for path in paths if Path(path).name == "index.html"), self._page)

    def closes(self, at: float) -> None:
        """Say last what a user has to know: what to mend, or where the page is.

        Parameters
        ----------
        at
            When, in seconds.
        """
        lines = list(dict.fromkeys(self._failed.values()))
        if lines and self._shown != lines[-1]:
            self._show("\n".join(lines))
        elif self._jobs and not self._waiting.total() and not lines and self._page:
            self._say(at, f"all of it done in {lasting(at - self._began)}; look at {self._page}")
        self._jobs = 0  # Snakemake closes its loggers more than once

    def _left(self, at: float) -> float:
        """Guess the seconds that are left: a job takes what those of its rule took, else what all did."""
        took = [seconds for own in self._took.values() for seconds in own]
        means = {rule: sum(own) / len(own) for rule, own in self._took.items()}
        mean = sum(took) / len(took)
        work = sum(count * means.get(rule, mean) for rule, count in self._waiting.items())
        work -= sum(min(at - job.at, means.get(job.rule, mean)) for job in self._running.values())
        at_once = max(sum(took) / max(at - self._began, 1e-9), 1e-9)
        return work / at_once

    def _say(self, at: float, text: str) -> None:
        self._show(f"{datetime.fromtimestamp(at):%H:%M:%S}  {text}")

    def _show(self, text: str) -> None:
        self._shown = text.splitlines()[-1] if text else ""
        self._write(text)


def plan(jobs: Mapping[str, int], reasons: Mapping[str, str]) -> str:
    """Return a plan as a table: rules, how many jobs of each, and why the first of these is to be run.

    Parameters
    ----------
    jobs
        Their number, by rule.
    reasons
        Rule to why its first job is to be run.
    """
    width = max(map(len, [*jobs, "total"]))
    rows = [
        f"{rule:<{width}}  {count:>6}  {shorten(reasons.get(rule, ''), 100, placeholder=' …')}".rstrip()
        for rule, count in jobs.items()
    ]
    title = f"{'rule':<{width}}  {'jobs':>6}  why the first of them"
    return "\n".join([title, *rows, f"{'total':<{width}}  {sum(jobs.values()):>6}"])


def lasting(seconds: float) -> str:
    """Return a time as one says it: seconds, minutes or hours."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"


def too_little(why: str, job: Begun) -> str:
    """Return what a job asked a queue for too little of, and where it is set; or nothing.

    Parameters
    ----------
    why
        What the queue says of its end.
    job
        The job.
    """
    for status, (what, resource, unit) in _LIMITS.items():
        if status in why:
            had = f" of {job.asked[resource]:,} {unit}" if resource in job.asked else ""
            return (
                f"{SAID}{job.does}: its {what}{had} was too little ({status}); raise {resource} of the rule {job.rule} "
                "in the profile (slurm/config.yaml, set-resources)"
            )
    return ""


def last_error(logs: Iterable[str], since: float) -> str:
    """Return what the last words of a job tell: its line for the user, else how its traceback ends; or nothing.

    Parameters
    ----------
    logs
        Where it may have written them.
    since
        When it began, in seconds: what was written before is of an earlier attempt.
    """
    fresh = [Path(log) for log in logs if Path(log).stat().st_mtime >= since]
    lines = [line.strip() for log in fresh for line in log.read_text(errors="replace").splitlines()]
    told = [line for line in lines if line.startswith(SAID)]
    if told:
        return told[-1]
    raised = [line for line in lines if re.match(r"[\w.]*(Error|Exception): \S", line)]
    return f"{SAID}{raised[-1]}" if raised else ""


def broken_yaml(paths: Iterable[str]) -> str:
    """Return which line of some files is no YAML, of the first that has one; or nothing.

    Parameters
    ----------
    paths
        Those that may be YAML.
    """
    for path in filter(_is_yaml, paths):
        try:
            yaml.safe_load(Path(path).read_text())
        except yaml.MarkedYAMLError as error:
            if mark := error.problem_mark:
                return f"{SAID}{path}, line {mark.line + 1}, is no YAML: {error.problem}"
    return ""


def _is_yaml(path: str) -> bool:
    return Path(path).suffix in (".yaml", ".yml") and Path(path).is_file()
