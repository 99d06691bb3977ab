"""Time stages on this machine's GPU, at the size of one layer of the paper's run; a probe job through its own files."""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from strata import store
from strata.features.codes import encode
from strata.features.factorisation import factorise
from strata.probes.moments import Moments
from strata.probes.probe import probe_layers
from strata.probes.ridge import v_information

IMAGES, UNITS, FEATURES, FOLDS, SHARDS = 20_000, 2_048, 10_000, 5, 10
PENALTIES = [1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1000.0]


def timed(work):
    """Return the seconds of a second run, with all that the GPU has to do for it, and what it returns."""
    for _ in range(2):
        torch.cuda.synchronize()
        began = time.perf_counter()
        result = work()
        torch.cuda.synchronize()
    return time.perf_counter() - began, result


def parts() -> list[tuple[str, float, str]]:
    """Return stages with their seconds, and what they come to."""
    rng = torch.Generator("cuda").manual_seed(0)
    x = torch.rand(IMAGES, UNITS, device="cuda", generator=rng)
    z = torch.rand(IMAGES, FEATURES, device="cuda", generator=rng) * (
        torch.rand(IMAGES, FEATURES, device="cuda", generator=rng) < 0.15
    )
    fold = torch.arange(IMAGES, device="cuda") % FOLDS
    rows = []
    took, moments = timed(lambda: Moments.of(x, z, fold=fold, folds=FOLDS))
    work = 2 * IMAGES * UNITS * (UNITS + FEATURES)
    rows.append(("moments of a layer, float64", took, f"{work / took / 1e12:.1f} TFLOP/s"))
    took, _ = timed(lambda: v_information(moments, PENALTIES).value)
    rows.append(("nested cross-fitting from them, 7 penalties", took, ""))
    basis = torch.rand(FEATURES, UNITS, device="cuda", generator=rng, dtype=torch.float64) ** 8
    basis /= basis.norm(dim=1, keepdim=True)
    for count in (1_000, 10_000):
        own = basis[:count]
        sparse = torch.rand(2_000, count, device="cuda", generator=rng) < 30 / count
        some = (sparse * torch.rand(2_000, count, device="cuda", generator=rng)).double() @ own
        some += 0.01 * torch.rand(some.shape, device="cuda", generator=rng)
        took, found = timed(lambda own=own, some=some: encode(some, own))
        rows.append(
            (f"codes of 2,000 images, {count:,} features", took, f"{int((found.residual > 1e-6).sum())} unsolved")
        )
    classes = torch.rand(50, 1300, UNITS, device="cuda", generator=rng)
    took, _ = timed(lambda: factorise(classes, 10, seed=0, tolerance=1e-4, max_iterations=500))
    rows.append(("factorisation of 50 classes of 1,300 images, rank 10", took, ""))
    return rows + job(x.cpu().numpy(), z.cpu().numpy())


def job(x: np.ndarray, z: np.ndarray) -> list[tuple[str, float, str]]:
    """Return what a probe job of one such layer takes, from its shards."""
    with tempfile.TemporaryDirectory() as folder:
        layer, codes = [], []
        began = time.perf_counter()
        for i, chosen in enumerate(np.array_split(np.arange(IMAGES), SHARDS)):
            ids = store.digest([str(i)])
            layer.append(Path(folder, f"a-{i}.h5"))
            train = np.arange(len(chosen)) % 5 > 0
            store.write(
                layer[-1],
                {"activations": x[chosen], "train": train},
                kind="activations",
                layer="layer",
                images=ids,
                checkpoint="c",
            )
            codes.append(Path(folder, f"z-{i}.h5"))
            store.write(codes[-1], {"codes": z[chosen]}, kind="codes", images=ids, features="f")
        wrote = time.perf_counter() - began
        size = sum(path.stat().st_size for path in layer + codes) / 2**30
        took, _ = timed(lambda: probe(layer, codes, Path(folder, "vinfo.h5")))
    return [
        ("writing the shards of layer and codes", wrote, f"{size:.2f} GiB"),
        ("a probe job of the layer, from its shards", took, f"{size / took:.2f} GiB/s"),
    ]


def probe(layer: list[Path], codes: list[Path], output: Path) -> None:
    """Probe as a job does, the linear family."""
    probe_layers(
        {"layer": layer},
        {"f": codes},
        output=output,
        family="linear",
        folds=FOLDS,
        seed=0,
        memory_mb=40_000,
        penalties=PENALTIES,
    )


if __name__ == "__main__":
    print(torch.cuda.get_device_name(), torch.__version__)
    for name, took, what in parts():
        print(f"| {name} | {took:.2f} s | {what} |")
        sys.stdout.flush()
    print(f"peak GPU memory {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")
