"""The commands of README and site, and the files that these tell a reader to save."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "config/README.md", *sorted((ROOT / "docs").glob("*.md"))]
_FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:snakemake|make|python|pip|git|sbatch|squeue|mkdir) [^`]+)`")
_SAVED = re.compile(r"# ([\w.]+)(, continued)?\n")

# Commands that no test runs, by what they begin with, and why.
NOT_RUN = {
    "git clone": "the address is the reader's",
    "cd": "is where a test begins",
    ". .venv/bin/activate": "tests run in the environment",
    "source .venv/bin/activate": "the same",
    "nano": "an editor",
    "tmux": "a terminal",
    "ls": "looks at what a run of days has made",
    "pip install": "needs a registry; tests have what it installs",
    "sbatch": "needs a cluster",
    "squeue": "needs a cluster",
    "mkdir": "is of a cluster's scratch space",
    "ln": "the same",
    "python benchmarks/": "computes for minutes; make bench",
    "snakemake compare": "needs finished runs: tests/workflow/test_compare.py",
    "snakemake strata_": "is of another workflow: tests/workflow/test_module.py",
    "snakemake --profile lsf": "needs a profile that the reader writes",
    "snakemake --unlock": "acts on a killed run: tests/workflow/test_killed_runs.py",
    "snakemake --touch": "acts on a finished run: tests/workflow/test_reruns.py",
    "snakemake --rerun-triggers": "the same",
}


@dataclass(frozen=True)
class Command:
    """A command, and the page that it stands on."""

    page: Path
    text: str

    @property
    def words(self) -> list[str]:
        """Its words, as a shell takes them."""
        return shlex.split(self.text, comments=True)

    @property
    def run(self) -> bool:
        """Whether a test runs it."""
        return not any(self.text.startswith(begin) for begin in NOT_RUN)


def commands() -> list[Command]:
    """Return every command, each once a page."""
    found: dict[Command, None] = {}
    for page in PAGES:
        text = page.read_text()
        lines = [line for kind, body in _FENCE.findall(text) if kind == "sh" for line in body.splitlines()]
        inline = [" ".join(command.split()) for command in _INLINE.findall(_FENCE.sub("", text))]
        for line in [*lines, *inline]:
            for part in re.split(r" && |(?<!\S)#.*", line):
                if part.strip():
                    found[Command(page, part.strip())] = None
    return list(found)


def files(page: Path) -> dict[str, str]:
    """Return the files that a page tells a reader to save, by name: blocks of code that begin with one."""
    found: dict[str, str] = {}
    for _, body in _FENCE.findall(page.read_text()):
        if named := _SAVED.match(body):
            found[named[1]] = found.get(named[1], "") + body
    return found
