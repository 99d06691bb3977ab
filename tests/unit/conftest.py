"""What unit tests share: the configuration of a tiny network, and one tiny walk through all stages."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from threadpoolctl import threadpool_limits

from strata import activations, codes, data, decoding, discovery, features, layers, probes, training, visualisation

ROOT = Path(__file__).parents[2]
BLOCKS = ["stem", "block-01", "block-02"]


def pytest_runtest_setup() -> None:
    """Run on one thread: small arrays gain nothing from more, and sums round the same everywhere.

    Before every test, because numba, which UMAP runs on, sets OpenMP's number of threads, and with it torch's.
    """
    torch.set_num_threads(1)
    threadpool_limits(1)


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture
def model_config() -> dict[str, Any]:
    return _model_config()


@pytest.fixture
def training_config() -> dict[str, Any]:
    return _training_config()


@pytest.fixture(scope="session")
def digit_shards(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two shards with 36 images each of the digits 0, 1 and 2, 16 × 16 pixels."""
    folder = tmp_path_factory.mktemp("digits")
    images = data.index("digits", None, test_fraction=0.25, shards=1, seed=0)
    images = images[images["label"] < 3].groupby(["label", "split"]).head(12)
    paths = []
    for i in range(2):
        paths.append(folder / f"shard-{i:03d}.h5")
        data.write_shard(images.iloc[i::2], ["0", "1", "2"], "digits", None, 16, "fail", paths[-1])
    return paths


@pytest.fixture(scope="session")
def walk(digit_shards: list[Path], tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """All stages once, from images to V-information, with 2 features a class. Tests read it only."""
    folder = tmp_path_factory.mktemp("walk")
    model, epochs = _model_config(), [0, 1, 2]
    history = training.train(digit_shards, model, _training_config() | {"epochs": 2}, epochs, 0, folder)
    cached = layers.cached_layers(BLOCKS)
    shards = [path.stem for path in digit_shards]

    def path_of(kind: str, *parts: str) -> Path:
        return folder.joinpath(kind, *parts).with_suffix(".h5")

    checkpoint = folder / "epoch-002.pt"
    acts = {name: [path_of("activations", name, shard) for shard in shards] for name in cached}
    for i, shard in enumerate(digit_shards):
        outputs = {name: str(acts[name][i]) for name in cached}
        activations.cache_shard(shard, checkpoint, outputs, model, 1, "mean", "float32", 16)
    given, dictionary = path_of("discovery", "classes-000"), path_of("features", "epoch-002")
    discovery.write_images(digit_shards, None, None, 1, 0, given)
    caching = {"pool": 1, "tokens": "mean", "batch_size": 16}
    features.discover_checkpoint(given, checkpoint, model, caching, "nmf", 2, 0, 1e-6, 500, dictionary)
    code_shards = [path_of("codes", "epoch-002", shard) for shard in shards]
    for acts_shard, codes_shard in zip(acts["penultimate"], code_shards, strict=True):
        codes.encode_shard(dictionary, acts_shard, 1e-6, 200, codes_shard)
    vinfo = path_of("vinfo", "all")
    probes.probe_layers(acts, code_shards, 3, [0.01, 1.0, 100.0], 0, 256, vinfo)
    own = _tables(n=6)["features"]
    decoded, pictures = path_of("decoded"), path_of("pictures")
    in_blocks = {block: acts[block] for block in ("block-01", "block-02")}
    decoding.decode_examples(in_blocks, code_shards, own, 3, [0.01, 1.0, 100.0], 0, decoded)
    visualisation.write_pictures(
        own, dictionary, decoded, checkpoint, digit_shards, model, {"pool": 1, "tokens": "mean"}, 2, 0, pictures
    )
    return SimpleNamespace(
        history=history,
        model=model,
        images=digit_shards,
        discovery=given,
        checkpoint=checkpoint,
        activations=acts,
        features=dictionary,
        codes=code_shards,
        vinfo=vinfo,
        table=own,
        decoded=decoded,
        pictures=pictures,
        blocks=BLOCKS,
    )


@pytest.fixture
def tables() -> Callable[..., dict[str, pd.DataFrame]]:
    """A maker of synthetic tables of measurements: see `_tables`."""
    return _tables


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"bootstrap": 200, "confidence": 0.95, "top_share": 0.01, "seed": 0}


def _model_config() -> dict[str, Any]:
    return {
        "source": "strata:resnet",
        "arguments": {"depths": [1, 1], "width": 4},
        "weights": None,
        "checkpoints": None,
        "head": None,
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.25, 1.0],
    }


def _training_config() -> dict[str, Any]:
    return {
        "epochs": 4,
        "checkpoints": "all",
        "batch_size": 16,
        "schedule": "one-cycle",
        "learning_rate": 0.1,
        "momentum": 0.9,
        "weight_decay": 0.0005,
        "augment": {"scale": [0.8, 1.0], "flip": False},
        "threads": 1,
        "shuffle_labels": False,
    }


def _tables(
    n: int = 120,
    epochs: tuple[int, ...] = (0, 1, 2, 3),
    spread: float = 0.8,
    emergence: float = 0.0,
    growth: float = 0.0,
    teleport: float = 0.0,
    bias: float = 0.0,
    bias_initial: float = 0.0,
    sedimentation: float = 0.0,
    shuffled: float = 0.0,
    trained: float = 0.0,
    noise: float = 1.0,
    seed: int = 0,
) -> dict[str, pd.DataFrame]:
    """Return the four tables that claims rest on, each effect as strong as it is asked for."""
    rng = np.random.default_rng(seed)

    def noisy(mean: Any, size: float = 0.05) -> np.ndarray:
        return mean + noise * size * rng.normal(size=n)

    k = 0.5 + spread * (rng.permutation(n) / n - 0.5)
    key = {"seed": 0, "feature": np.arange(n)}
    vinfo = {f"vinfo_{layer}": noisy(0.5 + trained) for layer in ("stem", "block-01", "penultimate")}
    features = pd.DataFrame(
        {
            **key,
            "class": [str(i % 3) for i in range(n)],
            "complexity": k,
            "temporal_decoding_score": noisy(0.4 + emergence * k),
            "importance": noisy(1.0 + bias * k),
            "signed_importance": noisy(bias * k),
            "meta_feature": np.arange(n) % 5,
            "umap_x": np.cos(np.arange(n)),
            "umap_y": np.sin(np.arange(n)),
            "branch": [("L", "RL", "RR")[i % 3] for i in range(n)],
            **vinfo,
        }
    )
    by_checkpoint, last = [], max(epochs)
    for epoch in epochs:
        done = epoch / last if last else 1.0
        slope = bias_initial if epoch == 1 else bias
        grown = 0.5 + growth * done + 0.5 * spread * (rng.permutation(n) / n - 0.5)
        weight = noisy(1.0 + slope * (grown - 0.5))
        top = np.argsort(weight)[-5:]
        if sedimentation:
            weight[top] += 10.0
            grown[top] = 0.5 + sedimentation * (done - 0.5) + 0.02 * rng.normal(size=5)
        more = {"signed_importance": weight - 1, "decodable_from": 1.0 + np.arange(n) % 2}
        by_checkpoint.append(pd.DataFrame({**key, "epoch": epoch, "complexity": grown, "importance": weight, **more}))
    early = noisy(0.5 + teleport * (k - 0.5))
    branches = [
        pd.DataFrame({**key, "layer": f"block-{b:02d}-{branch}", "cka": cka})
        for b in (1, 2)
        for branch, cka in (
            ("main", noisy(0.3)),
            ("skip", early if b == 1 else np.full(n, 0.6)),
        )
    ]
    controls = [
        pd.DataFrame({**key, "control": control, "layer": layer, "vinfo": noisy(mean)})
        for control, mean in (("shuffled", shuffled), ("untrained", 0.5), ("random", 0.4))
        for layer in ("stem", "block-01", "penultimate")
    ]
    return {
        "features": features,
        "by_checkpoint": pd.concat(by_checkpoint, ignore_index=True),
        "branch_cka": pd.concat(branches, ignore_index=True),
        "control_vinfo": pd.concat(controls, ignore_index=True),
    }
