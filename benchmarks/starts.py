"""How long every script takes to start: processor seconds of a Python that imports what it imports, and ends."""

import ast
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from timing import median

SCRIPTS = Path(__file__).parents[1] / "workflow" / "scripts"
LEAST = "torch and h5py alone"  # what nearly every job computes and stores with
RUNS = 3


def measure() -> list[dict]:
    """Start every script as often as the others, in turn; return medians, the slowest first."""
    asked = {LEAST: "import torch, h5py"} | {path.stem: _imports(path) for path in sorted(SCRIPTS.glob("*.py"))}
    taken: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(RUNS):
        for name, code in asked.items():
            taken[name].append(_processor_seconds([sys.executable, "-c", code]))
    seconds = {name: median(own) for name, own in taken.items()}
    return [
        {"script": name, "processor seconds": round(own, 2), f"times {LEAST}": own / seconds[LEAST]}
        for name, own in sorted(seconds.items(), key=lambda item: -item[1])
    ]


def _imports(script: Path) -> str:
    """Return what a script imports before it does anything."""
    body = ast.parse(script.read_text()).body
    return "\n".join(ast.unparse(node) for node in body if isinstance(node, ast.Import | ast.ImportFrom))


def _processor_seconds(command: Sequence[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, cwd=SCRIPTS.parents[1])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
