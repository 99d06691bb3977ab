"""What a run studied: the network, the images, how well it learned, the features, the seeds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from strata import tables
from strata.claims.registry import chance_of

_NAMED = 12  # classes that are named, where there are no more


def studied(folder: Path, config: Mapping[str, Any], *, features: pd.DataFrame) -> dict[str, str]:
    """Return what was studied, in words, by what it is.

    Parameters
    ----------
    folder
        The folder of the run.
    config
        Its configuration, as plain values.
    features
        One row a feature and seed.
    """
    seeds = [int(seed) for seed in features["seed"].unique()]
    return {
        "Network": _network(config),
        "Images": _images(folder, config),
        "Accuracy": _accuracy(folder, seeds, chance_of(features)),
        "Features": _features(features, config, networks=len(seeds)),
        "Seeds": ", ".join(map(str, seeds)),
    }


def _network(config: Mapping[str, Any]) -> str:
    model, layers = config["model"], config["activations"]["layers"]
    if model["checkpoints"]:
        made = f"with the checkpoints {', '.join(model['checkpoints'])}"
    elif model["weights"]:
        made = f"with the published weights {model['weights']}"
    else:
        made = f"trained here for {config['training']['epochs']} epochs"
        made += " on shuffled labels" if config["training"]["shuffle_labels"] else ""
    return f"{model['source']}, {made}; features are decoded from {len(layers)} layers, {layers[0]} to {layers[-1]}"


def _images(folder: Path, config: Mapping[str, Any]) -> str:
    data, images = config["data"], tables.read(folder / "images" / "index.csv")
    classes = list(images["class"].unique())
    named = f" ({', '.join(classes)})" if len(classes) <= _NAMED else ""
    split = images["split"].value_counts()
    whole = f"{len(images):,} of {data['path'] or data['source']}, {len(classes):,} classes{named}"
    shards = config["activations"]["shards"]
    part = f"; {shards} of {data['shards']} shards studied" if shards and shards < data["shards"] else ""
    unread = sum(len(tables.read(path)) for path in sorted((folder / "images").glob("*-skipped.csv")))
    skipped = f"; {unread:,} that could not be read are left out (images/*-skipped.csv)" if unread else ""
    return (
        f"{whole}; {split.get('train', 0):,} to train, {split.get('test', 0):,} to test; "
        f"{data['size']} × {data['size']} pixels{part}{skipped}"
    )


def _accuracy(folder: Path, seeds: list[int], chance: float) -> str:
    histories = [tables.read(folder / f"seed-{seed}" / "training.csv") for seed in seeds]
    last = np.array([history.sort_values("epoch")["accuracy"].iloc[-1] for history in histories], float)
    if not np.isfinite(last).all():
        return "not measured, because the head tells other classes than those of the images"
    return f"{', '.join(f'{own:.3f}' for own in last)} on test images after the last epoch; chance is {chance:.3f}"


def _features(features: pd.DataFrame, config: Mapping[str, Any], *, networks: int) -> str:
    how, constant = config["features"], int(features["complexity"].isna().sum())
    told = f"{len(features):,}{f' of {networks} networks' if networks > 1 else ''}, {how['per_class']} a class"
    told += f", by {how['method']} of the penultimate layer; "
    return told + (f"{constant} of them constant, and left out of the claims" if constant else "none constant")
