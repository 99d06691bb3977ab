"""A folder with its own copy of Strata, in which tests run a real Snakemake on a tiny configuration."""

import copy
import os
import re
import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock
from warm import Forked, warm

from strata import dependencies

REPOSITORY = Path(__file__).parents[2]
PARTS = ("Snakefile", "config", "workflow", "profiles", "strata", "snakemake_logger_plugin_strata", "slurm")
RUN = "results/tiny"
SEED = f"{RUN}/seed-0"
CHECKPOINTS = ("epoch-000", "epoch-001", "epoch-002")
SHARDS = ("shard-000", "shard-001")
TINY: dict[str, Any] = {
    "run": "tiny",
    "seeds": [0],
    "data": {"source": "digits", "size": 16, "shards": 2},
    "model": {"source": "strata:resnet", "arguments": {"depths": [1, 1], "width": 8}},
    "training": {"epochs": 2, "batch_size": 32, "threads": 1},  # tests run side by side
    "activations": {"layers": ["stem", "block-01", "block-02"]},
    "features": {"per_class": 3},
    "probes": {"folds": 3, "penalties": [0.001, 1.0, 100.0], "layers_per_job": 4},
    "figures": {"dpi": 50, "examples": 4},
}


def tiny(changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the tiny configuration with some keys changed, each given by its full path."""
    config = copy.deepcopy(TINY)
    for path, value in (changes or {}).items():
        *sections, key = path.split(".")
        inner = config
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[key] = value
    return config


@dataclass
class Done:
    """What a Snakemake that has ended said."""

    code: int
    output: str

    @property
    def errors(self) -> list[str]:
        """The lines that Strata means a user to read."""
        return [line for line in self.output.splitlines() if line.startswith("Error: ")]


class Workplace:
    """A folder in which Snakemake runs, with its own copy of the workflow and of the package."""

    def __init__(self, folder: Path, changes: dict[str, Any] | None = None) -> None:
        self.folder = folder
        self.changes = changes or {}  # of the tiny configuration, in all that it runs
        self.package = folder  # where Python finds strata
        self.largest_file = resource.RLIM_INFINITY

    @classmethod
    def new(cls, folder: Path, changes: dict[str, Any] | None = None) -> "Workplace":
        """Copy what a run needs from the repository."""
        shutil.copytree(planned_once().name, folder)
        return cls(folder, changes)

    def copy(self, folder: Path) -> "Workplace":
        """Copy the whole folder: results, their times, and what Snakemake knows of them, its lock too."""
        shutil.copytree(self.folder, folder)
        return Workplace(folder, self.changes)

    def path(self, name: str) -> Path:
        """Return a path of this folder."""
        return self.folder / name

    def append(self, name: str, text: str) -> None:
        """Add text to the end of a file."""
        path = self.path(name)
        path.write_text(path.read_text() + text)

    def remove(self, *names: str) -> None:
        """Remove files and folders."""
        for name in names:
            path = self.path(name)
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def start(self, *arguments: str, changes: dict[str, Any] | None = None, configfile: str = "tiny.yaml") -> Forked:
        """Start Snakemake in a session of its own; what it says goes to said.txt."""
        self.path("tiny.yaml").write_text(yaml.safe_dump(tiny({**self.changes, **(changes or {})}), sort_keys=False))
        return self.fork("--configfile", configfile, *arguments)

    def fork(self, *arguments: str) -> Forked:
        """Start Snakemake with these arguments alone."""
        return warm().snakemake(
            arguments,
            folder=self.folder,
            package=self.package,
            said=self.path("said.txt"),
            largest_file=self.largest_file,
        )

    def snakemake(self, *arguments: str, **how: Any) -> Done:
        """Run Snakemake to its end (see `start`)."""
        code = self.start(*arguments, **how).wait()
        return Done(code, self.said)

    @property
    def said(self) -> str:
        """What the last Snakemake has said so far."""
        return self.path("said.txt").read_text()

    @property
    def logs(self) -> str:
        """What the jobs of the run have said so far."""
        return "".join(path.read_text() for path in sorted(self.path(f"{RUN}/logs").rglob("*.log")))

    def make(self, *targets: str, changes: dict[str, Any] | None = None, force: bool = False) -> Done:
        """Run Snakemake on two cores."""
        forced = ["--force"] if force else []
        return self.snakemake("--cores", "2", *forced, "--", *targets, changes=changes)

    def plan(self, *targets: str, changes: dict[str, Any] | None = None) -> dict[str, int]:
        """Return how many jobs of each rule Snakemake plans."""
        done = self.snakemake("--dry-run", "--", *targets, changes=changes)
        assert done.code == 0, done.output
        return planned(done.output)

    def kill_when(self, ready: Callable[[], bool], process: Forked) -> None:
        """Kill Snakemake and all its jobs at once when something has happened."""
        while not ready() and process.poll() is None:
            time.sleep(0.005)
        assert process.poll() is None, f"ended before it could be killed:\n{self.said}"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for _ in range(1000):  # jobs die a moment later; where nobody reaps them, they stay as zombies
            if not _alive(process.pid):
                break
            time.sleep(0.01)

    def files(self, *patterns: str) -> dict[str, Path]:
        """Return files by their path in the run's folder."""
        run = self.path(RUN)
        found = (path for pattern in patterns for path in run.glob(pattern))
        return {str(path.relative_to(run)): path for path in sorted(found) if path.is_file()}

    def temporary(self) -> list[str]:
        """Return files that were being written."""
        return [name for name in self.files("**/*") if name.endswith(".tmp")]


@cache
def planned_once() -> tempfile.TemporaryDirectory:
    """Return a copy of what a run needs from the repository, where a Snakemake has planned.

    Python has compiled it then, and what it reaches is known: every first plan of a copy would begin with both.
    """
    folder = tempfile.TemporaryDirectory(prefix="strata-")
    place = Workplace(Path(folder.name))
    for part in PARTS:
        source = REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, place.path(part), ignore=shutil.ignore_patterns("__pycache__", ".snakemake"))
        elif source.exists():
            shutil.copy2(source, place.path(part))
    place.plan()
    known = place.path(str(dependencies.KNOWN)).read_bytes()
    place.remove(".snakemake", "tiny.yaml", "said.txt")
    place.path(str(dependencies.KNOWN.parent)).mkdir(parents=True)
    place.path(str(dependencies.KNOWN)).write_bytes(known)
    return folder


def made_once(folder: Path, *targets: str, changes: dict[str, Any] | None = None) -> Workplace:
    """Return a run that one of all processes of pytest makes; tests only read it, or copy it."""
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            beginning = Workplace.new(folder.with_suffix(".beginning"), changes)
            done = beginning.make(*targets)
            assert done.code == 0, done.output
            beginning.folder.rename(folder)
    return Workplace(folder, changes)


def planned(output: str) -> dict[str, int]:
    """Read the table of a plan; no table, no jobs."""
    if "Nothing to be done" in output:
        return {}
    title = re.search(r"^rule +jobs ", output, re.MULTILINE)
    assert title, output
    rows = re.findall(r"^(\w+) +(\d+)(?: .*)?$", output[title.start() :], re.MULTILINE)
    return {rule: int(count) for rule, count in rows if rule != "total"}


def differing(one: Workplace, other: Workplace, patterns: Sequence[str]) -> list[str]:
    """Return the files that two runs do not have in common, byte for byte."""
    assert [pattern for pattern in patterns if not one.files(pattern)] == [], "nothing to compare"
    a, b = one.files(*patterns), other.files(*patterns)
    return sorted(
        name for name in a.keys() | b.keys() if not (name in a and name in b) or _bytes(a[name]) != _bytes(b[name])
    )


def _bytes(path: Path) -> bytes:
    return path.read_bytes()


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
