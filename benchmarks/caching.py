"""Caching: one pass that serves all layers and branches, against a bare forward pass; and the store against h5py."""

import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import torch
from timing import median, side_by_side

from strata import store
from strata.activations.cache import Caching, cache
from strata.activations.layers import graph_nodes
from strata.config.keys import Model
from strata.networks.build import build
from strata.networks.head import head_of
from strata.networks.preprocessing import normalised


def compare(source: str, arguments: dict, size: int, images: int, runs: int = 5) -> list[dict]:
    """Time caching all layers and branches of a network, and its bare forward pass over the same images."""
    model = Model(source=source, arguments=arguments)
    network = build(model, 10).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (images, 3, size, size), np.uint8)
    layers = list(graph_nodes(network))
    batch = 64

    @torch.no_grad()
    def bare():
        parts = [torch.from_numpy(pixels[i : i + batch]) for i in range(0, images, batch)]
        return torch.cat([network(normalised(part, model)) for part in parts])

    def cached():
        return cache(network, layers, images=pixels, model=model, caching=Caching(batch_size=batch))

    seconds, results = side_by_side({"caching": cached, "bare": bare}, runs)
    head = head_of(network)
    logits = torch.from_numpy(results["caching"]["penultimate"]) @ head.weight.T + head.bias
    return [
        {"tool": f"Strata: {len(layers)} layers and branches", "seconds": median(seconds["caching"])},
        {
            "tool": "a bare forward pass",
            "seconds": median(seconds["bare"]),
            "largest difference of a logit": float((logits - results["bare"]).abs().max()),
        },
    ]


# A process by itself, as nothing that was set can be taken back.
FORWARD = """
import sys, torch
from timing import median, peak_mb, side_by_side
from strata.config.keys import Model
from strata.job import reuse_memory
from strata.networks.build import build
if sys.argv[1] == "reuse":
    reuse_memory()
torch.set_num_threads(1)
network, images = build(Model(source="torchvision:resnet18"), 10).eval(), torch.randn(64, 3, 224, 224)
with torch.no_grad():
    seconds, _ = side_by_side({"forward": lambda: network(images)})
print(median(seconds["forward"]), peak_mb())
"""


def compare_memory() -> list[dict]:
    """Time a forward pass of ResNet-18 on one thread with memory that is used again, and with new memory always."""

    def run(how: str) -> dict[str, float]:
        command = [sys.executable, "-c", FORWARD, how]
        done = subprocess.run(command, cwd=Path(__file__).parent, check=True, capture_output=True, text=True)
        return dict(zip(("seconds", "peak memory, MiB"), map(float, done.stdout.split()), strict=True))

    return [
        {"tool": "Strata: a job's memory is used again", **run("reuse")},
        {"tool": "memory new from the system", **run("")},
    ]


def compare_store(images: int = 20_000, units: int = 1024, runs: int = 5) -> list[dict]:
    """Time writing a shard and reading it back, with checksums, against h5py without."""
    values = np.random.default_rng(0).standard_normal((images, units), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        ours, raw = Path(folder) / "ours.h5", Path(folder) / "raw.h5"

        def strata():
            store.write(ours, {"activations": values}, kind="activations")
            with store.Shard(ours) as shard:
                return shard.read("activations")

        def bare():
            with h5py.File(raw, "w") as file:
                file.create_dataset("activations", data=values, chunks=(256, units))
            with h5py.File(raw, "r") as file:
                return file["activations"][:]

        seconds, results = side_by_side({"strata": strata, "bare": bare}, runs)
    same = bool((results["strata"] == results["bare"]).all())
    return [
        {
            "tool": "Strata: checksums, temporary name, fsync, rename",
            "seconds": median(seconds["strata"]),
            "same": same,
        },
        {"tool": "h5py, chunked, no checksums", "seconds": median(seconds["bare"])},
    ]
