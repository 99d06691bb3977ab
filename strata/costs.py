"""What a run costs, before anything is submitted: jobs, disk, time and peak memory of every rule.

From the configuration, the shapes of the network (traced on no data) and measured rates alone. Work is counted in
floating-point operations where a product bounds it, in bytes where the disk does, in seconds where a start-up does.
"""

import json
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits
from torch.utils.flop_counter import FlopCounterMode

from strata import activations, data, features, layers, models, perceptron, robustness, series
from strata import shapes as made
from strata.config import studied_shards
from strata.errors import StrataError
from strata.measurements import SHOWN

RATES = Path(__file__).with_name("rates.json")
# Of a factorisation; of projected gradient, with what settles a code counted in its steps.
_ITERATIONS = {"features": 150, "codes": 350}
_GiB = 2**30


@dataclass
class Shapes:
    """What the network and the images say.

    Attributes
    ----------
    images, classes : int
        Of the source.
    forward : float
        Floating-point operations of one image.
    parameters : int
        Of the network.
    units : dict
        Units of every cached layer, after pooling.
    """

    images: int
    classes: int
    forward: float
    parameters: int
    units: dict[str, int]


def shapes(config: dict[str, Any]) -> Shapes:
    """Trace the network on the meta device, which computes shapes without numbers.

    Raises
    ------
    StrataError
        If the images are not here and the configuration does not tell their number.
    """
    images, classes = images_and_classes(config)
    model, size, caching = config["model"], config["data"]["size"], config["activations"]
    names = layers.cached_layers(config["activations"]["layers"])
    network = models.build(model, classes).to("meta").eval()
    with torch.device("meta"):
        inner = activations.extractor(network, names, caching["pool"], caching["tokens"], model["head"])
        with FlopCounterMode(display=False) as flops:
            outputs = inner(torch.empty(1, 3, size, size))
    units = {name: outputs[name].shape[1] for name in names}
    parameters = sum(p.numel() for p in network.parameters())
    return Shapes(images, classes, flops.get_total_flops(), parameters, units)


def estimate(config: dict[str, Any], shape: Shapes, rates: dict[str, float]) -> pd.DataFrame:
    """Return one row a rule: jobs, disk in bytes, hours of its device, peak memory of a job in bytes.

    Parameters
    ----------
    rates
        Of one device: operations a second of training, forward passes, float32 and float64 products and small
        factorisations; bytes a second of the disk; images a second of decoding; seconds that a job starts in.
    """
    seeds, checkpoints = len(config["seeds"]), len(series.epochs(config))
    all_shards, shards = config["data"]["shards"], studied_shards(config)
    studied = ceil(shape.images * shards / all_shards)
    per_shard = ceil(studied / shards)
    train = round(shape.images * (1 - config["data"]["test_fraction"]))
    pixels = 3 * config["data"]["size"] ** 2
    width = np.dtype(config["activations"]["dtype"]).itemsize
    k, d = shape.classes * config["features"]["per_class"], shape.units[layers.PENULTIMATE]
    cached = sum(shape.units.values()) * width
    weights = 4 * shape.parameters
    factorised = config["features"]
    given = min(train, shape.classes * (factorised["images_per_class"] or train))
    discovery = given * (factorised["crops"] or 1)

    rows: list[dict[str, Any]] = []

    def rule(name: str, jobs: int, seconds: float, disk: float, memory: float) -> None:
        rows.append(
            {
                "rule": name,
                "jobs": jobs,
                "disk": disk,
                "hours": (seconds + jobs * rates["start"]) / 3600,
                "memory": memory + rates["memory"],
            }
        )

    shard_pixels = per_shard * pixels
    rule("images", 1 + all_shards, shape.images / rates["decode"], shape.images * pixels, 3 * shard_pixels)
    tested = (shape.images - train) * shape.forward
    if series.trained_here(config["model"]):
        steps = config["training"]["epochs"] * (3 * train * shape.forward + tested)
        rule("train", seeds, seeds * steps / rates["train"], seeds * checkpoints * weights, shard_pixels + 20 * weights)
    else:
        rule("adopt", 1, checkpoints * tested / rates["forward"], checkpoints * weights, shard_pixels + 2 * weights)
    passes = seeds * checkpoints * shards
    rule(
        "activations",
        passes,
        passes * per_shard * (shape.forward / rates["forward"] + cached / rates["disk"]),
        passes * per_shard * cached,
        shard_pixels + 2 * per_shard * sum(shape.units.values()) * width,
    )
    jobs, dictionary, head = factorised["jobs"], 8 * k * d, 8 * shape.classes * d
    cropped = discovery if factorised["crops"] else 0
    rule("discovery", jobs, cropped / rates["decode"], discovery * pixels, 3 * discovery * pixels / jobs)
    factorisation = _ITERATIONS["features"] * 8 * discovery * d * factorised["per_class"]
    rule(
        "class_features",
        seeds * checkpoints * jobs,
        seeds * checkpoints * (discovery * shape.forward / rates["forward"] + factorisation / rates["small"]),
        seeds * checkpoints * (dictionary + jobs * head),
        4 * 4 * discovery * d / jobs + 2 * features.IMAGES_AT_ONCE * pixels,
    )
    rule("features", seeds * checkpoints, 0, seeds * checkpoints * (dictionary + head), 3 * dictionary)
    rule("random_directions", seeds, 0, seeds * (dictionary + head), 3 * dictionary)
    gradient = _ITERATIONS["codes"] * 2 * k * min(k, 2 * d)  # of one image
    encodings = passes + seeds * shards  # the random directions' are those more
    rule(
        "codes",
        encodings,
        encodings * per_shard * gradient / rates["product32"],
        encodings * per_shard * 4 * k,
        8 * (3 * k * k + 4 * per_shard * k),
    )
    probe_jobs, probe_seconds, probe_memory = _probes(config, shape, rates, k, studied, checkpoints)
    measured = (3 + 5 * config["probes"]["folds"]) * 8 * k
    count = seeds * (_linear_pairs(config, checkpoints) * len(_probed(config)) + len(_branches(config)))
    rule("probes", seeds * probe_jobs, seeds * probe_seconds, count * measured, probe_memory)
    if config["probes"]["family"] == "mlp":
        jobs, seconds, memory = _perceptrons(config, shape, rates, k, studied, checkpoints)
        disk = seeds * _pairs(checkpoints) * len(_probed(config)) * measured
        rule("perceptrons", seeds * jobs, seeds * seconds, disk, memory)
    rule("shuffled_codes", seeds * shards, 0, seeds * studied * 4 * k, 12 * per_shard * k)
    rule("importance", seeds, passes * per_shard * 4 * k / rates["disk"], 0, 16 * per_shard * k)
    rule("atlas", seeds, seeds * (10 + 12 * k * k * d / rates["small"]), seeds * 80 * k, 8 * k * (3 * k + 2 * d))
    blocks = layers.early_middle_last(config["activations"]["layers"])
    share = len(blocks) / (_pairs(checkpoints) * len(_probed(config)))
    widest = max(shape.units[block] for block in blocks)
    rule("decoded", 1, share * probe_seconds, 24 * len(blocks) * studied, 16 * per_shard * widest)
    if config["questions"]["visualise"]:
        pictures = SHOWN + 3 * len(blocks)
        # A step sees six crops, forward and backward.
        seconds = pictures * config["questions"]["visualise_steps"] * 6 * 3 * shape.forward / rates["train"]
        rule("visualise", 1, seconds, pictures * 4 * pixels, 2 * shard_pixels)
    few = config["questions"]["redundancy"]
    subsets = few["subsets"] * _fit_seconds(config, few["share"] * d, k, rates)
    rule("redundancy", seeds, seeds * (_layer_seconds(config, d, k, studied, rates) + subsets), 0, probe_memory)
    sample, levels = min(config["questions"]["noise_images"], studied), len(config["questions"]["noise"])
    noisy = sample * levels * robustness.DRAWS
    again = noisy * (shape.forward / rates["forward"] + gradient / rates["product32"])
    codes_at_once = 8 * (3 * k * k + (2 * robustness.DRAWS + 3) * sample * k)
    rule("robustness", seeds, seeds * again, 0, 5 * sample * pixels + codes_at_once)
    if config["data"]["source"] == "shapes":
        chunks = ceil(len(_probed(config)) / config["probes"]["layers_per_job"])
        swapped = seeds * checkpoints * 4 * (shape.images - train) * shape.forward
        jobs = seeds * (shards + 1 + checkpoints * chunks) + 1
        rule("ground truth", jobs, swapped / rates["forward"], 0, 4 * per_shard * pixels)
    rule("measurements to report", 5 + (config["data"]["superclasses"] is not None), 30 * rates["start"], 0, 400 * k)
    table = pd.DataFrame(rows)
    return pd.concat([table, _total(table)], ignore_index=True)


def text(config: dict[str, Any], shape: Shapes, tables: dict[str, pd.DataFrame]) -> str:
    """Return the estimate as a page for a terminal: one table, hours for every device whose rates are known."""
    first = next(iter(tables.values()))
    shown = pd.DataFrame({"rule": first["rule"], "jobs": first["jobs"], "disk": first["disk"].map(_bytes)})
    for device, table in tables.items():
        shown[f"hours, {device}"] = table["hours"].map(_hours)
    shown["peak memory of a job"] = first["memory"].map(_bytes)
    about = (
        f"{config['run']}: {shape.images:,} images of {shape.classes:,} classes, {config['model']['source']} with "
        f"{shape.parameters / 1e6:.1f} million parameters and {shape.forward / 1e9:.2f} GFLOP an image, "
        f"{len(series.epochs(config))} checkpoints, "
        f"{shape.classes * config['features']['per_class']:,} features, {len(config['seeds'])} seed(s)"
    )
    return f"{about}\n\n{shown.to_string(index=False)}\n"


def read_rates() -> dict[str, dict[str, float]]:
    """Return the rates of every known device; the name says which are measured and which are assumed."""
    return json.loads(RATES.read_text())


def images_and_classes(config: dict[str, Any]) -> tuple[int, int]:
    """Return how many images and classes the source has, as far as it is here, else as the section `costs` tells."""
    told = config["costs"]
    if told["images"] and told["classes"]:
        return told["images"], told["classes"]
    if config["data"]["source"] == "digits":
        return len(load_digits().target), 10
    if config["data"]["source"] == "shapes":
        return config["data"]["shapes"]["images"], made.classes_of(config["data"]["shapes"]["label_from"])
    path = Path(config["data"]["path"])
    if not path.is_dir():
        raise StrataError(f"config key costs.images and costs.classes must tell the size of {path}, which is not here")
    images = data.listed(config["data"]["source"], str(path), config["data"]["labels"])
    return len(images), images["class"].nunique()


def _probed(config: dict[str, Any]) -> list[str]:
    return layers.probed_layers(config["activations"]["layers"])


def _branches(config: dict[str, Any]) -> list[str]:
    return layers.branches_of(config["activations"]["layers"])


def _probes(
    config: dict[str, Any], shape: Shapes, rates: dict[str, float], k: int, studied: int, checkpoints: int
) -> tuple[int, float, float]:
    """Return jobs, seconds and memory of the probes of one seed."""

    def seconds(layer: str) -> float:
        return _layer_seconds(config, shape.units[layer], k, studied, rates)

    folds = config["probes"]["folds"]
    probed, branch = _probed(config), _branches(config)
    pairs = _linear_pairs(config, checkpoints)
    size = config["probes"]["layers_per_job"]
    jobs = pairs * ceil(len(probed) / size) + ceil(len(branch) / size)
    total = pairs * sum(map(seconds, probed)) + sum(map(seconds, branch))
    widest = max(shape.units.values())
    return jobs, total, min(config["probes"]["memory_mb"] * 2.0**20, 8.0 * 3 * folds * widest * (k + widest))


def _linear_pairs(config: dict[str, Any], checkpoints: int) -> int:
    """Return how many pairs of features and checkpoint are probed linearly: with perceptrons, the last ones alone."""
    return 1 if config["probes"]["family"] == "mlp" else _pairs(checkpoints)


def _pairs(checkpoints: int) -> int:
    """Count the last features in all checkpoints, the others in their own, the shuffled and random ones in the last."""
    return 2 * checkpoints + 1


def _perceptrons(
    config: dict[str, Any], shape: Shapes, rates: dict[str, float], k: int, studied: int, checkpoints: int
) -> tuple[int, float, float]:
    """Return jobs, seconds and memory of the perceptrons of one seed."""
    folds, mlp = config["probes"]["folds"], config["probes"]["mlp"]
    fit, left_out = studied * (folds - 2) / folds, studied * 2 / folds

    def seconds(layer: str) -> float:
        d = shape.units[layer]
        parameters = mlp["width"] * (d + k)
        ridge = 2 * studied * d * (d + k) / folds + 12 * d**3 + 4 * d * d * k
        # Forward and back through the fit folds, forward through the others.
        epoch = (6 * fit + 2 * left_out) * parameters / rates["product32"]
        # A step of Adam passes about 12 times over the parameters; errors are passed over about as often.
        steps = ceil(fit / mlp["batch_size"])
        passes = 12 * 4 * (steps * parameters + studied * k) / rates["memory_bandwidth"]
        return folds * (ridge / rates["product64"] + mlp["epochs"] * (epoch + passes))

    probed, pairs = _probed(config), _pairs(checkpoints)
    widest = max(shape.units[layer] for layer in probed)
    jobs = pairs * ceil(len(probed) / config["probes"]["layers_per_job"])
    return jobs, pairs * sum(map(seconds, probed)), perceptron.memory(studied, widest, k, folds)


def _layer_seconds(config: dict[str, Any], d: int, k: int, studied: int, rates: dict[str, float]) -> float:
    """Return the seconds that it takes to read a layer of d units, sum up its moments and probe it."""
    width = np.dtype(config["activations"]["dtype"]).itemsize
    sums = 2 * studied * d * d / rates["product64"] + 2 * studied * d * k / rates["product32"]
    return sums + studied * (width * d + 4 * k) / rates["memory_bandwidth"] + _fit_seconds(config, d, k, rates)


def _fit_seconds(config: dict[str, Any], d: float, k: int, rates: dict[str, float]) -> float:
    """Return the seconds that it takes to probe d units for k features from their moments."""
    folds, penalties = config["probes"]["folds"], len(config["probes"]["penalties"])
    inner, outer = folds * (folds - 1) // 2, folds
    wide = (inner + outer) * (12 * d**3) + outer * 6 * d * d * k
    narrow = inner * (3 + 1.1 * penalties) * 2 * d * d * k  # of a symmetric form, one half
    # Products of few units with many features are bound by memory: about 40 passes over them a fit.
    passes = inner * penalties * 10 * 4 * d * k
    return wide / rates["product64"] + narrow / rates["product32"] + passes / rates["memory_bandwidth"]


def _total(table: pd.DataFrame) -> pd.DataFrame:
    sums = {name: table[name].sum() for name in ("jobs", "disk", "hours")}
    return pd.DataFrame([{"rule": "all", **sums, "memory": table["memory"].max()}])


def _bytes(value: float) -> str:
    for unit, size in (("TiB", 1024 * _GiB), ("GiB", _GiB), ("MiB", 2**20)):
        if value >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value / 1024:.0f} KiB" if value else "–"


def _hours(value: float) -> str:
    return f"{value:,.1f}" if value >= 1 else f"{value * 60:.1f} min"
