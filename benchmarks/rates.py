"""Measure the rates that `snakemake estimate` calculates with, on this machine, into strata/rates.json."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode
from torchvision.io import write_jpeg

from strata import estimate, store
from strata.config.keys import Model
from strata.features.factorisation import factorise
from strata.images.decode import write_shard
from strata.images.index import index
from strata.images.sources import Given
from strata.networks.build import build

# What a job needs before its first useful line.
IMPORTS = "from strata.activations import cache; from strata.probes import probe"


def seconds(work: Callable[[], object], runs: int = 5) -> float:
    """Return the median seconds of some work, after a warm-up."""
    work()
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def measure() -> dict[str, float]:
    """Return all rates; those of one-threaded rules are measured on one thread."""
    network, images = build(Model(), 10), torch.randn(64, 3, 32, 32)
    with FlopCounterMode(display=False) as flops:
        network(images)
    work = flops.get_total_flops()
    labels = torch.zeros(64, dtype=torch.long)
    torch.set_num_threads(2)
    train = 3 * work / seconds(lambda: functional.cross_entropy(network(images), labels).backward())
    torch.set_num_threads(1)
    with torch.no_grad():
        forward = work / seconds(lambda: network(images))
    a, b = torch.randn(512, 4096), torch.randn(4096, 1024)
    wide = a.double(), b.double()
    product = 2 * 512 * 4096 * 1024
    large = torch.randn(2**25)
    classes = torch.rand(10, 150, 128, dtype=torch.float64)
    return {
        "train": train,
        "forward": forward,
        "product32": product / seconds(lambda: a @ b),
        "product64": product / seconds(lambda: wide[0] @ wide[1]),
        "small": 50 * 8 * classes.numel() * 10 / seconds(lambda: _factorised(classes), 3),
        "memory_bandwidth": 12 * len(large) / seconds(lambda: large * large),
        "disk": _disk(),
        "decode": _decode(),
        "start": _start(),
        "memory": _memory(),
    }


def _factorised(classes: torch.Tensor) -> object:
    return factorise(classes, 10, seed=0, tolerance=1e-300, max_iterations=50)


def _disk() -> float:
    values = np.zeros((10_000, 1024), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        return values.nbytes / seconds(lambda: store.write(f"{folder}/x.h5", {"x": values}, kind="x"))


def _decode() -> float:
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for i in range(64):
            path = Path(folder) / "class" / f"{i}.jpg"
            path.parent.mkdir(exist_ok=True)
            smooth = torch.from_numpy(rng.integers(0, 256, (1, 3, 16, 20), np.uint8)).float()
            write_jpeg(functional.interpolate(smooth, (400, 500), mode="bicubic")[0].clamp(0, 255).byte(), str(path))
        given = Given("folder", folder)
        images = index(given, 0.2)
        return 64 / seconds(
            lambda: write_shard(images, ["class"], given=given, size=224, output=f"{folder}/images.h5"), 3
        )


def _start() -> float:
    return seconds(lambda: subprocess.run([sys.executable, "-c", IMPORTS], check=True), 3)


def _memory() -> float:
    telling = f"{IMPORTS}; from timing import peak_mb; print(peak_mb())"
    done = subprocess.run(
        [sys.executable, "-c", telling], cwd=Path(__file__).parent, check=True, capture_output=True, text=True
    )
    return float(done.stdout) * 2**20


if __name__ == "__main__":
    known = estimate.read_rates()
    known["2 CPU cores, measured"] = {name: float(f"{value:.3g}") for name, value in measure().items()}
    estimate.RATES.write_text(json.dumps(known, indent=1) + "\n")
    print(estimate.RATES.read_text())
