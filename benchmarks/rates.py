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
from torch import nn
from torch.nn import functional
from torchvision.io import write_jpeg

from strata import estimate, store
from strata.config.keys import Model
from strata.device import compute_device
from strata.features.factorisation import factorise
from strata.images.decode import write_shard
from strata.images.index import index
from strata.images.sources import Given
from strata.job import reuse_memory
from strata.networks.build import build
from strata.networks.work import counted

# What a job needs before its first useful line.
IMPORTS = "from strata.activations import cache; from strata.probes import probe"
RUNS = 5  # whose medians the rates are: a machine that is shared is now faster, now slower, by half


def seconds(work: Callable[[], object], runs: int = 5) -> float:
    """Return the median seconds of some work, after a warm-up."""

    def run() -> float:
        began = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter() - began

    run()
    return float(np.median([run() for _ in range(runs)]))


def measure() -> dict[str, float]:
    """Return all rates of this machine's GPU, or else of its CPU; there, of one-threaded rules on one thread.

    A GPU is given the work of a large run, of which it is full: a ResNet50 on photographs, wide layers.
    """
    device, gpu = compute_device(), torch.cuda.is_available()
    rng = torch.Generator().manual_seed(0)
    network = build(Model(source="torchvision:resnet50") if gpu else Model(), 10).to(device)
    images = torch.randn((256, 3, 224, 224) if gpu else (64, 3, 32, 32), generator=rng).to(device)
    with counted() as work:
        network(images)
    labels = torch.zeros(len(images), dtype=torch.long, device=device)

    def step() -> None:
        with torch.autocast(device.type, enabled=gpu):  # as training does
            loss = functional.cross_entropy(network(images), labels)
        loss.backward()

    torch.set_num_threads(2)
    train = 3 * work.operations / seconds(step)
    torch.set_num_threads(1)
    network.eval()
    with torch.no_grad():
        elementwise, passing = _elementwise(device), seconds(lambda: network(images))
    rows, inner, columns = (2048, 20_000, 10_000) if gpu else (512, 4096, 1024)
    a, b = (torch.randn(shape, generator=rng).to(device) for shape in ((rows, inner), (inner, columns)))
    wide = a.double(), b.double()
    product = 2 * rows * inner * columns
    large = torch.randn(2**28 if gpu else 2**25, device=device)
    classes = torch.rand(*((50, 1300, 2048) if gpu else (10, 150, 128)), generator=rng, dtype=torch.float64)
    classes = classes.to(device)
    return {
        "train": train,
        "forward": work.operations / (passing - work.moved / elementwise),
        "elementwise": elementwise,
        "product32": product / seconds(lambda: a @ b),
        "product64": product / seconds(lambda: wide[0] @ wide[1]),
        "small": 50 * 8 * classes.numel() * 10 / seconds(lambda: _factorised(classes), 3),
        "memory_bandwidth": 12 * len(large) / seconds(lambda: large * large),
        "disk": _disk(),
        "decode": _decode(),
        "start": _start(),
        "memory": _memory(),
    }


def _elementwise(device: torch.device) -> float:
    """Return the bytes a second of batch normalisation and what follows it, of a wide layer."""
    layer = torch.randn((256, 256, 56, 56) if device.type == "cuda" else (64, 64, 32, 32), device=device)
    after = nn.Sequential(nn.BatchNorm2d(layer.shape[1]), nn.ReLU()).to(device).eval()
    return 4 * layer.nbytes / seconds(lambda: after(layer))


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
    reuse_memory()  # as jobs do
    known = estimate.read_rates()
    gpu = f"one {torch.cuda.get_device_name()} GPU" if torch.cuda.is_available() else "2 CPU cores"
    runs = [measure() for _ in range(RUNS)]
    known[f"{gpu}, measured"] = {name: float(f"{np.median([run[name] for run in runs]):.3g}") for name in runs[0]}
    estimate.RATES.write_text(json.dumps(known, indent=1) + "\n")
    print(estimate.RATES.read_text())
