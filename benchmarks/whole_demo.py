"""The whole demo, in a fresh copy of the repository: wall time, processor time, peak memory, Snakemake's own share."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "config", "workflow", "profiles", "strata")


def measure() -> list[dict]:
    """Run the demo once on two cores, and a dry run of the same plan, which is all that Snakemake itself adds."""
    with tempfile.TemporaryDirectory() as folder:
        for part in PARTS:
            source = ROOT / part
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, Path(folder) / part)
        snakemake = ["--cores", "2"]
        planning = _timed([*snakemake, "--dry-run", "--quiet"], folder)
        run = _timed(snakemake, folder)
        sizes = sum(f.stat().st_size for f in (Path(folder) / "results").rglob("*") if f.is_file())
    return [
        {
            "wall seconds": run["wall"],
            "processor seconds": run["cpu"],
            "peak memory of the largest process, MiB": run["peak"],
            "results, MiB": sizes / 2**20,
            "jobs": run["jobs"],
            "seconds to plan": planning["wall"],
            "share of Snakemake's own process": run["own"] / run["cpu"],
        }
    ]


# Snakemake in a process that tells at its end how much of the processor was its own, and how much its jobs'.
TELLING = """
import atexit, resource, sys
from timing import peak_mb
def tell():
    own, jobs = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print("used", own.ru_utime + own.ru_stime, peak_mb(), file=sys.stderr)
    print("used", jobs.ru_utime + jobs.ru_stime, jobs.ru_maxrss / 1024, file=sys.stderr)
atexit.register(tell)
from snakemake.cli import main
main()
"""


def _timed(arguments: list[str], folder: str) -> dict[str, float]:
    began = time.perf_counter()
    command = [sys.executable, "-c", TELLING, *arguments]
    paths = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(command, cwd=folder, env=paths, check=True, capture_output=True, text=True)
    wall = time.perf_counter() - began
    own, jobs = ([float(x) for x in pair] for pair in re.findall(r"^used (\S+) (\S+)$", done.stderr, re.M))
    steps = re.findall(r"of (\d+) steps", done.stderr)
    return {
        "wall": wall,
        "cpu": own[0] + jobs[0],
        "own": own[0],
        "peak": max(own[1], jobs[1]),
        "jobs": int(steps[-1]) if steps else 0,
    }
