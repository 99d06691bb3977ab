"""What unit tests share: the configuration of a tiny network, and one tiny walk through all stages."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pictures import picture
from threadpoolctl import threadpool_limits
from torchvision.io import write_jpeg, write_png

from strata import layers
from strata.activations.cache import Caching, cache_shard
from strata.claims.finding import Finding
from strata.claims.testing import findings
from strata.config.keys import Augment, Model, Questions, Training
from strata.features.class_features import discover_checkpoint
from strata.features.codes import encode_shard
from strata.features.discovery import write_images
from strata.images.decode import write_shard
from strata.images.index import index
from strata.images.sources import Given
from strata.measures.decoded import decode_examples
from strata.measures.visualise import write_pictures
from strata.networks.train import train
from strata.probes.probe import probe_layers

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
def model_config() -> Model:
    return _model_config()


@pytest.fixture
def training_config() -> Training:
    return _training_config()


@pytest.fixture(scope="session")
def digit_shards(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two shards with 36 images each of the digits 0, 1 and 2, 16 × 16 pixels."""
    folder = tmp_path_factory.mktemp("digits")
    given = Given("digits")
    images = index(given, 0.25, shards=1, seed=0)
    images = images[images["label"] < 3].groupby(["label", "split"]).head(12)
    paths = []
    for i in range(2):
        paths.append(folder / f"shard-{i:03d}.h5")
        write_shard(images.iloc[i::2], ["0", "1", "2"], given=given, size=16, output=paths[-1])
    return paths


@pytest.fixture(scope="session")
def walk(digit_shards: list[Path], tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """All stages once, from images to V-information, with 2 features a class. Tests read it only."""
    folder = tmp_path_factory.mktemp("walk")
    model, epochs = _model_config(), [0, 1, 2]
    training = _training_config().model_copy(update={"epochs": 2})
    history = train(digit_shards, model, training=training, epochs_kept=epochs, seed=0, state=folder)
    caching = Caching(batch_size=16)
    cached = layers.cached_layers(BLOCKS)
    shards = [path.stem for path in digit_shards]

    def path_of(kind: str, *parts: str) -> Path:
        return folder.joinpath(kind, *parts).with_suffix(".h5")

    checkpoint = folder / "epoch-002.pt"
    acts = {name: [path_of("activations", name, shard) for shard in shards] for name in cached}
    for i, shard in enumerate(digit_shards):
        outputs = {name: str(acts[name][i]) for name in cached}
        cache_shard(shard, checkpoint, outputs=outputs, model=model, caching=caching, dtype="float32")
    given, dictionary = path_of("discovery", "classes-000"), path_of("features", "epoch-002")
    write_images(digit_shards, None, crops=None, jobs=1, job=0, output=given)
    discover_checkpoint(
        given,
        checkpoint,
        model=model,
        caching=caching,
        method="nmf",
        per_class=2,
        seed=0,
        tolerance=1e-6,
        max_iterations=500,
        output=dictionary,
    )
    code_shards = [path_of("codes", "epoch-002", shard) for shard in shards]
    for acts_shard, codes_shard in zip(acts["penultimate"], code_shards, strict=True):
        encode_shard(dictionary, acts_shard, method="nmf", tolerance=1e-6, max_iterations=200, output=codes_shard)
    vinfo = path_of("vinfo", "all")
    probes = {"folds": 3, "penalties": [0.01, 1.0, 100.0], "seed": 0}
    probe_layers(acts, {"epoch-002": code_shards}, family="linear", output=vinfo, memory_mb=256, **probes)
    own = _tables(n=6)["features"]
    decoded, pictures = path_of("decoded"), path_of("pictures")
    in_blocks = {block: acts[block] for block in ("block-01", "block-02")}
    decode_examples(in_blocks, code_shards, features=own, output=decoded, **probes)
    write_pictures(
        own,
        dictionary,
        decoded=decoded,
        checkpoint=checkpoint,
        images=digit_shards,
        model=model,
        pool=1,
        tokens="mean",
        steps=2,
        seed=0,
        output=pictures,
    )
    return SimpleNamespace(
        history=history,
        model=model,
        images=digit_shards,
        discovery=given,
        checkpoint=checkpoint,
        activations=acts,
        dictionary=dictionary,
        codes=code_shards,
        vinfo=vinfo,
        features=own,
        decoded=decoded,
        pictures=pictures,
        blocks=BLOCKS,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of four images of several formats and shapes, and files that are no images."""
    root = tmp_path / "photos"
    for label, name in enumerate(("cat", "dog")):
        (root / name).mkdir(parents=True)
        write_png(picture(label), str(root / name / "a.png"))
        write_jpeg(picture(label, 31, 17), str(root / name / "b.JPG"))
        write_png(picture(label, 8, 8, channels=1), str(root / name / "grey.png"))
        write_jpeg(picture(label, 16, 16), str(root / name / "d.jpeg"))
        (root / name / "notes.txt").write_text("not an image")
    (root / "README").write_text("not a class")
    return root


@pytest.fixture
def tables() -> Callable[..., dict[str, pd.DataFrame]]:
    """A maker of synthetic tables of measurements: see `_tables`."""
    return _tables


@pytest.fixture
def measured(tables: Callable[..., dict[str, pd.DataFrame]]) -> Callable[..., dict[str, pd.DataFrame]]:
    """A maker of all tables that claims look at, with controls that hold unless they are asked not to."""

    def measured(
        random: float = 0.1,
        together: float = 0.0,
        redundancy: float = 0.0,
        robustness: float = 0.0,
        local: float = 0.0,
        moved: float = 0.02,
        **effects: Any,
    ) -> dict[str, pd.DataFrame]:
        t = tables(**{"shuffled": -0.05, "trained": 0.2} | effects)
        features, rng = t["features"], np.random.default_rng(9)
        n, k = len(features), features["complexity"].to_numpy()
        for name, slope in (("redundancy", redundancy), ("robustness", robustness), ("hoyer", local)):
            features[name] = 0.5 + slope * k + 0.05 * rng.normal(size=n)
        features["redundancy_cka"] = 0.5 + 0.5 * redundancy * k + 0.05 * rng.normal(size=n)
        others = t["control_vinfo"][t["control_vinfo"]["control"] != "random"]
        t["control_vinfo"] = pd.concat([others, _random_directions(n, random, rng)], ignore_index=True)
        scalars = features[["seed", "feature", "complexity", "temporal_decoding_score"]]
        t["by_fold"] = pd.concat(
            scalars.assign(fold=fold, complexity=k + 0.02 * rng.normal(size=n)) for fold in range(5)
        )
        t["support"] = _support(together, rng)
        ranks = scalars[["seed", "feature"]]
        by_family = {"linear": k, "mlp": 0.9 * k + 0.5 * moved * rng.normal(size=n)}
        t["by_family"] = pd.concat(ranks.assign(family=name, complexity=own) for name, own in by_family.items())
        return t

    return measured


@pytest.fixture(scope="session")
def told_before() -> dict[str, Any]:
    """Findings that were asked for before: to test all claims takes seconds. Tests only read them."""
    return {}


@pytest.fixture
def claims(
    measured: Callable[..., dict[str, pd.DataFrame]], settings: Questions, told_before: dict[str, Any]
) -> Callable[..., dict[str, Finding]]:
    """What tests all claims on synthetic tables: effects (see `measured`) → findings by their ids."""

    def claims(**effects: Any) -> dict[str, Finding]:
        key = repr(sorted(effects.items()))
        if key not in told_before:
            told_before[key] = {f.id: f for f in findings(settings, **measured(**effects))}
        return told_before[key]

    return claims


@pytest.fixture
def two_seeds() -> Callable[..., dict[str, pd.DataFrame]]:
    """What puts the tables of two seeds together."""
    return lambda one, other: {
        name: pd.concat([one[name], other[name].assign(seed=1)], ignore_index=True) for name in one
    }


@pytest.fixture
def settings() -> Questions:
    return Questions()


def _model_config() -> Model:
    return Model(arguments={"depths": [1, 1], "width": 4}, mean=[0.5, 0.5, 0.5], std=[0.5, 0.25, 1.0])


def _training_config() -> Training:
    return Training(epochs=4, batch_size=16, learning_rate=0.1, augment=Augment(scale=[0.8, 1.0]), threads=1)


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
    accuracies: tuple[float, ...] = (0.34, 0.8, 0.9, 0.95),
    seed: int = 0,
) -> dict[str, pd.DataFrame]:
    """Return the tables that most claims rest on, each effect as strong as it is asked for.

    What a correlation may owe to something else, ceiling, firing rate and mean code, has nothing to do with it here.
    """
    rng = np.random.default_rng(seed)

    def noisy(mean: Any, size: float = 0.05) -> np.ndarray:
        return mean + noise * size * rng.normal(size=n)

    k = 0.5 + spread * (rng.permutation(n) / n - 0.5)
    key = {"seed": 0, "feature": np.arange(n)}
    classes = [str(i % 3) for i in range(n)]
    vinfo = {f"vinfo_{layer}": noisy(0.5 + trained) for layer in ("stem", "block-01", "penultimate")}
    score = noisy(0.4 + emergence * k)
    features = pd.DataFrame(
        {
            **key,
            "class": classes,
            "complexity": k,
            "temporal_decoding_score": score,
            "importance": noisy(1.0 + bias * k),
            "signed_importance": noisy(bias * k),
            "meta_feature": np.arange(n) % 5,
            "umap_x": np.cos(np.arange(n)),
            "umap_y": np.sin(np.arange(n)),
            "branch": [("L", "RL", "RR")[i % 3] for i in range(n)],
            "stability": np.where(np.arange(n) % 4, 0.95, 0.5),
            "complexity_error": noisy(0.02, 0.002),
            "relative_complexity": k + 0.01 * rng.normal(size=n),
            "relative_decoding_score": score + 0.01 * rng.normal(size=n),
            **_confounds(n, rng),
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
        more = {"signed_importance": weight - 1, "decodable_from": 1.0 + np.arange(n) % 2, **_confounds(n, rng)}
        named = {**key, "epoch": epoch, "class": classes}
        by_checkpoint.append(pd.DataFrame({**named, "complexity": grown, "importance": weight, **more}))
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
        "history": pd.DataFrame({"seed": 0, "epoch": epochs, "accuracy": accuracies[: len(epochs)]}),
    }


def _confounds(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {name: rng.random(n) for name in ("ceiling", "firing_rate", "mean_code")}


def _random_directions(n: int, spread: float, rng: np.random.Generator) -> pd.DataFrame:
    vinfo = 0.5 + spread * (rng.permutation(n) / n - 0.5)
    layers = ("stem", "block-01", "penultimate")
    key = {"seed": 0, "feature": np.arange(n), "control": "random"}
    return pd.concat(
        pd.DataFrame({**key, "layer": layer, "vinfo": 0.9 if layer == "penultimate" else vinfo}) for layer in layers
    )


def _support(together: float, rng: np.random.Generator, whole: float = 0.9) -> pd.DataFrame:
    """Return what 20 groups of 20 test images lose: `together` more without the complex half than without others.

    Groups differ by far more than that, so that only those who compare them in pairs see it.
    """
    group = np.arange(20)
    hard, parts = rng.normal(size=20), []
    points = [("complex first", 0, 1.0, 0.0), ("complex first", 0, 0.5, together), ("complex half", 0, 0.5, together)]
    points += [("random, same importance", draw, 0.7, 0.0) for draw in range(10)]
    for order, draw, share, more in points:
        loss = 2 + hard + more + 0.1 * rng.normal(size=20)
        accuracy = whole - (0 if share == 1 else 0.2 + more)
        own = {"order": order, "draw": draw, "share_kept": share, "group": group}
        parts.append(pd.DataFrame({**own, "accuracy": accuracy, "loss": loss, "margin": 3 - loss, "n": 20}))
    return pd.concat(parts, ignore_index=True).assign(seed=0)
