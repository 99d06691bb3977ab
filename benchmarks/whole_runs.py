"""Whole runs in a fresh copy of the repository: time, memory, Snakemake's share, how near the estimate comes."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import chdir, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
import yaml
from torch.nn import functional
from torchvision.io import write_jpeg

from strata import estimate
from strata.config.check import checked

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "config", "workflow", "profiles", "strata")
CLASSES, IMAGES, SIDE = 100, 200, 64
LARGER: dict[str, Any] = {
    "run": "larger",
    "data": {"source": "folder", "path": "photographs", "size": SIDE, "shards": 4},
    "model": {"source": "torchvision:resnet18"},
    "training": {"epochs": 2},  # and with the untrained network 3 checkpoints
    "probes": {"layers_per_job": 4},
}


def demo() -> list[dict]:
    """Run the demo."""
    with tempfile.TemporaryDirectory() as folder:
        return [_measured(folder, {})]


def larger() -> list[dict]:
    """Run ResNet-18 on generated JPEG files: the largest run that two cores are asked for, and a second estimate."""
    with tempfile.TemporaryDirectory() as folder:
        _photographs(Path(folder) / "photographs")
        return [_measured(folder, LARGER)]


def pretrained() -> list[dict]:
    """Run the example of a network that is adopted: of the kind whose passes products bound least."""
    example = ROOT / "examples/pretrained"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, str(example / "prepare.py"), f"{folder}/data/pretrained"], check=True)
        return [_measured(folder, yaml.safe_load((example / "config.yaml").read_text()))]


def _photographs(folder: Path) -> None:
    """Make classes of JPEG files: a pattern a class, varied and noisy."""
    rng = np.random.default_rng(0)
    for label in range(CLASSES):
        own = folder / f"class-{label:02d}"
        own.mkdir(parents=True)
        pattern = rng.uniform(0, 255, (3, 8, 8))
        varied = torch.from_numpy(pattern + 60 * rng.standard_normal((IMAGES, 3, 8, 8))).float()
        large = functional.interpolate(varied, (SIDE, SIDE), mode="bicubic").clamp(0, 255).byte()
        for i, image in enumerate(large):
            write_jpeg(image, str(own / f"{i:03d}.jpg"))


def fresh_copy(folder: str) -> None:
    """Copy into a folder what a run needs."""
    for part in PARTS:
        source = ROOT / part
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, Path(folder) / part)


def _measured(folder: str, overlay: dict[str, Any]) -> dict[str, float]:
    """Run on two cores, and beside it a dry run of the same plan and the estimate of the same configuration."""
    fresh_copy(folder)
    Path(folder, "overlay.yaml").write_text(yaml.safe_dump(overlay))
    snakemake = ["--cores", "2", *(["--configfile", "overlay.yaml"] if overlay else [])]
    estimated = _estimated(folder, overlay)
    planning = _timed([*snakemake, "--dry-run", "--quiet"], folder)
    run = _timed(snakemake, folder)
    (provenance,) = (Path(folder) / "results").glob("*/provenance.json")
    rules = json.loads(provenance.read_text())["rules"].values()
    told = [f.stat() for f in (Path(folder) / "results").rglob("*") if f.is_file()]
    files = {one.st_ino: one.st_size for one in told}  # a layer that holds the numbers of another is the same file
    return {
        "wall seconds": run["wall"],
        "processor seconds": run["cpu"],
        "seconds of all jobs": sum(rule["seconds"] for rule in rules),
        "estimated": estimated["hours"] * 3600,
        "disk, MiB": sum(files.values()) / 2**20,
        "estimated disk, MiB": estimated["disk"] / 2**20,
        "peak memory of the largest process, MiB": run["peak"],
        "of all at once, MiB": run["together"],
        "jobs": run["jobs"],
        "seconds to plan": planning["wall"],
        "share of Snakemake's own process": run["own"] / run["cpu"],
    }


def _estimated(folder: str, overlay: dict[str, Any]) -> dict[str, float]:
    rates = estimate.read_rates()["2 CPU cores, measured"]
    with chdir(folder):
        config = checked(overlay)
        table = estimate.estimate(config, estimate.traced(config), rates=rates)
    return table.set_index("rule").loc["all"].to_dict()


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
    with tempfile.TemporaryFile("w+") as said:
        running = psutil.Popen(command, cwd=folder, env=paths, stdout=subprocess.DEVNULL, stderr=said)
        together = 0.0
        while running.poll() is None:
            together = max(together, _memory(running))
            time.sleep(0.5)
        wall = time.perf_counter() - began
        said.seek(0)
        output = said.read()
    assert running.returncode == 0, output
    own, jobs = ([float(x) for x in pair] for pair in re.findall(r"^used (\S+) (\S+)$", output, re.M))
    steps = re.findall(r"of (\d+) jobs", output)
    return {
        "wall": wall,
        "cpu": own[0] + jobs[0],
        "own": own[0],
        "peak": max(own[1], jobs[1]),
        "together": together,
        "jobs": int(steps[-1]) if steps else 0,
    }


def _memory(process: psutil.Process) -> float:
    """Return the MiB that a process and all that it started hold, what several share counted for each."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            total += one.memory_info().rss
    return total / 2**20
