"""Probes: V-information of all features in one layer, against what a researcher would otherwise use."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from himalaya.backend import set_backend
from himalaya.ridge import RidgeCV as HimalayaRidgeCV
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import GridSearchCV, KFold
from timing import median, peak_mb, side_by_side

from strata import store
from strata.probes.moments import Moments, accumulate
from strata.probes.ridge import v_information

IMAGES, UNITS, FEATURES, FOLDS = 20_000, 512, 2_000, 5
PENALTIES = [1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1000.0]
SINGLE = 20  # features that one-Ridge-a-feature is timed on; its time is proportional to their number


def layer(images: int, units: int, features: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Make rectified activations with a decaying spectrum, and codes that they tell in part; float32."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((units, units)) * np.arange(1, units + 1)[:, None] ** -0.5
    x = np.maximum(rng.standard_normal((images, units)) @ mixing, 0).astype(np.float32)
    signal = x @ rng.standard_normal((units, features)).astype(np.float32)
    noise = rng.standard_normal((images, features)).astype(np.float32) * signal.std(0)
    return x, np.maximum(signal + noise, 0)


def compare() -> list[dict]:
    """Time nested cross-fitting of all features by Strata and by its peers, and how far their results agree.

    A peer's run is one held-out fold, and its five runs are the five folds: their sum is the same work as one run of
    Strata. Every peer is given the penalties of the fold in its own units.
    """
    x, z = layer(IMAGES, UNITS, FEATURES)
    fold = np.arange(IMAGES) % FOLDS
    tx, tz, tf = torch.from_numpy(x), torch.from_numpy(z), torch.from_numpy(fold)
    wide = tx.double(), tz.double()

    def strata():
        return v_information(Moments.of(tx, tz, fold=tf, folds=FOLDS), PENALTIES).value.numpy()

    own, results = side_by_side(
        {
            "strata": strata,
            "bare32": lambda: (tx.T @ tx, tx.T @ tz),
            "bare64": lambda: (wide[0].T @ wide[0], wide[0].T @ wide[1]),
        }
    )
    rows = [{"tool": "Strata, all five folds", "seconds": median(own["strata"])}]
    rows.append({"tool": "the bare products XᵀX and XᵀZ, float32", "seconds": median(own["bare32"])})
    rows.append({"tool": "the bare products XᵀX and XᵀZ, float64", "seconds": median(own["bare64"])})

    for name, fit, features in (
        ("himalaya RidgeCV, numpy", _himalaya("numpy"), FEATURES),
        ("himalaya RidgeCV, torch", _himalaya("torch"), FEATURES),
        ("scikit-learn RidgeCV, a penalty a feature", _sklearn_cv, FEATURES),
        (f"scikit-learn Ridge, one a feature (timed on {SINGLE})", _sklearn_single, SINGLE),
    ):
        scores, seconds = _cross_fitted(fit, x, z[:, :features], fold)
        rows.append(
            {
                "tool": name,
                "seconds": seconds * FEATURES / features,
                "largest difference in I_V": float(np.abs(scores - results["strata"][:features]).max()),
            }
        )
    same = Moments.of(tx, tz[:, :SINGLE], fold=tf, folds=FOLDS)
    ours = v_information(same, [1.0]).value.numpy()
    theirs, _ = _cross_fitted(_sklearn_at_one, x, z[:, :SINGLE], fold)
    rows[0]["at one equal penalty, against float64 Ridge"] = float(np.abs(ours - theirs).max())
    return rows


def scaling(sizes: tuple[int, ...] = (20_000, 40_000, 80_000, 160_000, 320_000)) -> list[dict]:
    """Time one layer from shards on disk, each size in a process of its own whose peak memory is its."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for shard in range(max(sizes) // IMAGES):
            x, z = layer(IMAGES, UNITS, FEATURES, seed=shard)
            common = {"images": f"shard {shard}", "checkpoint": ""}
            store.write(f"{folder}/x{shard}.h5", {"activations": x}, kind="activations", layer="layer", **common)
            store.write(f"{folder}/z{shard}.h5", {"codes": z}, kind="codes", **common)
        for size in sizes:
            command = [sys.executable, __file__, folder, str(size // IMAGES)]
            seconds, memory = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            rows.append({"images": size, "seconds": float(seconds), "peak memory in MiB": float(memory)})
    return rows


def _alphas(x: np.ndarray) -> np.ndarray:
    return np.array(PENALTIES) * ((x - x.mean(0)) ** 2).sum() / x.shape[1]


def _himalaya(backend: str):
    def fit(x, z, held_out):
        set_backend(backend)
        inner = KFold(FOLDS - 1)
        model = HimalayaRidgeCV(alphas=_alphas(x), fit_intercept=True, cv=inner)
        model.fit(*(_as(backend, part) for part in (x, z)))
        return np.asarray(model.predict(_as(backend, held_out)))

    return fit


def _as(backend: str, values: np.ndarray):
    return torch.from_numpy(values) if backend == "torch" else values


def _sklearn_cv(x, z, held_out):
    model = RidgeCV(alphas=_alphas(x), alpha_per_target=True)  # leave-one-out: its only way to a penalty a target
    return model.fit(x, z).predict(held_out)


def _sklearn_single(x, z, held_out):
    grid = {"alpha": _alphas(x)}
    models = [GridSearchCV(Ridge(), grid, cv=KFold(FOLDS - 1)).fit(x, column) for column in z.T]
    return np.stack([model.predict(held_out) for model in models], 1)


def _sklearn_at_one(x, z, held_out):
    x, z, held_out = (part.astype(np.float64) for part in (x, z, held_out))
    alpha = ((x - x.mean(0)) ** 2).sum() / x.shape[1]  # a penalty of 1
    return Ridge(alpha=alpha).fit(x, z).predict(held_out)


def _cross_fitted(fit, x, z, fold) -> tuple[np.ndarray, float]:
    sse = sst = seconds = 0.0
    for held_out in range(FOLDS):
        train, test = fold != held_out, fold == held_out
        began = time.perf_counter()
        predicted = fit(x[train], z[train], x[test])
        seconds += time.perf_counter() - began
        sse = sse + ((z[test] - predicted) ** 2).sum(0, dtype=np.float64)
        sst = sst + ((z[test] - z[train].mean(0, dtype=np.float64)) ** 2).sum(0, dtype=np.float64)
    return 1 - sse / sst, seconds


def _one_size(folder: str, shards: int) -> None:
    """Probe one layer from disk five times; print the median seconds and the peak memory."""
    torch.set_num_threads(2)
    paths = [[str(Path(folder) / f"{kind}{i}.h5") for i in range(shards)] for kind in "xz"]

    def run():
        return v_information(accumulate(*paths, layer="layer", folds=FOLDS, seed=0), PENALTIES)

    seconds, _ = side_by_side({"run": run})
    print(median(seconds["run"]), peak_mb())


if __name__ == "__main__":
    _one_size(sys.argv[1], int(sys.argv[2]))
