"""One layer of the paper's run through the workflow's own jobs, beside what `snakemake estimate` says of them."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from whole_runs import fresh_copy

from strata import estimate, store
from strata.config.check import checked
from strata.config.keys import Config
from strata.layers import PENULTIMATE, cached_layers, chunks
from strata.networks.work import Work
from strata.probes.families import FAMILIES

IMAGES, UNITS, CLASSES, PER_CLASS, SHARDS = 20_000, 2_048, 1_000, 10, 5
FEATURES = CLASSES * PER_CLASS
FIRST, LAST = "epoch-000", "epoch-090"
ACTIVE = 30  # features that an image is made of


def measure() -> list[dict]:
    """Probe the penultimate layer for the codes of all images, and encode those of one shard."""
    (chunk,) = chunks([PENULTIMATE], 1)
    jobs = {
        "probe": ({"asked": "followed", "checkpoint": FIRST, "family": "linear", "chunk": chunk}, SHARDS),
        "codes": ({"features": LAST}, 1),
    }
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        fresh_copy(folder)
        for rule, (wildcards, shards) in jobs.items():
            overlay = _imagenet(shards)
            Path(folder, "overlay.yaml").write_text(yaml.safe_dump(overlay))
            config = checked(overlay)
            if not rows:
                _made(Path(folder, "results", config.run, "seed-0"))
            command = [rule, "seed=0", *(f"{name}={value}" for name, value in wildcards.items())]
            (processor, wall, memory), files = _run(folder, command)
            said = _estimated(config, IMAGES * shards // SHARDS)[rule]
            rows.append(
                {
                    "job": rule,
                    "images": IMAGES * shards // SHARDS,
                    "processor seconds": processor,
                    "wall seconds": wall,
                    "estimated": said["seconds"],
                    "peak memory, MiB": memory,
                    "estimated memory, MiB": said["memory"] / 2**20,
                    "disk, MiB": sum(Path(folder, file).stat().st_size for file in files) / 2**20,
                    "estimated disk, MiB": said["disk"] / 2**20,
                }
            )
    return rows


def _imagenet(shards: int) -> dict[str, Any]:
    """Return config/imagenet.yaml, of fewer images, some shards of which are studied, and with a job a layer."""
    own = yaml.safe_load(Path(__file__).parents[1].joinpath("config", "imagenet.yaml").read_text())
    own["data"]["shards"], own["activations"]["shards"], own["probes"]["layers_per_job"] = SHARDS, shards, 1
    return own


def _made(run: Path) -> None:
    """Write what the jobs read: a dictionary, codes, and activations that they make up."""
    rng = np.random.default_rng(0)
    dictionary = (rng.random((FEATURES, UNITS)) ** 8).astype(np.float32)
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    head = {"head_weight": rng.standard_normal((CLASSES, UNITS)).astype(np.float32)}
    head["head_bias"] = np.zeros(CLASSES, np.float32)
    store.write(
        run / "features" / f"{LAST}.h5",
        {"dictionary": dictionary, "origin": np.arange(FEATURES) // PER_CLASS, **head},
        kind="features",
        checkpoint=LAST,
        classes=[str(label) for label in range(CLASSES)],
    )
    for i in range(SHARDS):
        count = IMAGES // SHARDS
        chosen = rng.integers(FEATURES, size=(count, ACTIVE))
        codes = np.zeros((count, FEATURES), np.float32)
        np.put_along_axis(codes, chosen, rng.random((count, ACTIVE), dtype=np.float32), axis=1)
        ids = store.digest([str(i)])
        store.write(
            run / "codes" / LAST / f"shard-{i:03d}.h5",
            {"codes": store.Sparse(codes)},
            kind="codes",
            images=ids,
            features="",
        )
        made = codes @ dictionary + 0.01 * rng.random((count, UNITS), dtype=np.float32)
        for checkpoint in (FIRST, LAST):
            store.write(
                run / "activations" / checkpoint / PENULTIMATE / f"shard-{i:03d}.h5",
                {"activations": made.astype(np.float16), "train": np.arange(count) % 5 > 0},
                kind="activations",
                layer=PENULTIMATE,
                checkpoint=checkpoint,
                images=ids,
            )


# A job in a process that tells what it took.
TELLING = """
import runpy, time
from timing import peak_mb
began = time.perf_counter()
runpy.run_path("workflow/debug.py", run_name="__main__")
print(time.process_time(), time.perf_counter() - began, peak_mb())
"""


def _run(folder: str, job: list[str]) -> tuple[list[float], list[str]]:
    """Run a job on the files that are there, and leave there what it writes; return what it took, and these files."""
    paths = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", TELLING, *job, "--configfile", "overlay.yaml", "--into", "."]
    done = subprocess.run(command, cwd=folder, env=paths, check=True, stdout=subprocess.PIPE, text=True)
    *said, last = done.stdout.splitlines()
    return [float(value) for value in last.split()], [line for line in said if line.endswith(".h5")]


def _estimated(config: Config, images: int) -> dict[str, dict[str, float]]:
    """Return seconds, memory and disk of the two jobs, by the rates of two cores."""
    rates = estimate.read_rates()["2 CPU cores, measured"]
    units = dict.fromkeys(cached_layers(config.activations.layers), UNITS)
    shape = estimate.Traced(IMAGES, CLASSES, forward=Work(), parameters=0, units=units, repeated=[])
    codes = estimate.estimate(config, shape, rates=rates).set_index("rule").loc["codes"]
    linear, about = FAMILIES["linear"], {"images": images, "folds": config.probes.folds}
    seconds = linear.seconds(UNITS, FEATURES, **about, width=2, rates=rates, **linear.own(config.probes))
    return {
        "codes": {
            "seconds": codes.hours * 3600 / codes.jobs,
            "memory": codes.memory,
            "disk": codes.disk / codes.jobs,
        },
        "probe": {
            "seconds": seconds + rates["start"],
            "memory": linear.memory(UNITS, FEATURES, **about, memory_mb=config.probes.memory_mb) + rates["memory"],
            "disk": (2 + 3 * config.probes.folds) * 8 * FEATURES,
        },
    }


if __name__ == "__main__":
    for row in measure():
        print(row)
