"""What a run costs, before anything is submitted: jobs, disk, time and peak memory of every rule.

From the configuration, the shapes of the network (traced on no data) and measured rates alone. Work is counted in
floating-point operations where a product bounds it, in bytes where the disk does, in seconds where a start-up does.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from strata import layers
from strata.activations.layers import extractor, repeated
from strata.claims.controls import CONTROLS
from strata.config.keys import Config
from strata.device import working_bytes
from strata.errors import StrataError
from strata.features.class_features import IMAGES_AT_ONCE
from strata.features.codes import BYTES_AN_ENTRY, ROWS_AT_ONCE
from strata.features.factorisation import STARTS
from strata.images.sources import given_by, source_of
from strata.measures.catalogue import MEASURES
from strata.measures.meta_features import SHOWN
from strata.measures.stability import cost_between_seeds
from strata.networks.build import build
from strata.networks.epochs import epochs, trained_here
from strata.networks.work import Work, counted
from strata.probes.families import FAMILIES, REFERENCE
from strata.scale import Scale

RATES = Path(__file__).with_name("rates.json")
# Of a factorisation from all starts; of codes, with all that they take counted in products with D Dᵀ (73 to 225).
_ITERATIONS = {"features": 360, "codes": 120}
# Features that are active in an image, as a share of units, or of features where these are fewer (0.15 to 0.35).
_ACTIVE = 0.3
# Bytes of figures, tables and pages, as the digits have them; beside a large run they are nothing.
_SHOWN = 22 * 2**20
_GiB = 2**30
# How the last two rows of the table are called.
_ALL, _NOT_KEPT = "all", "all, activations.keep: false"
# What goes as soon as dictionaries are made of it; what there is beside it, which comes before the first activations.
_PASSING = ["discovery", "class_features"]
_EARLY = ["index, decode", "train", "adopt", *_PASSING, "dictionary"]
_LAST = "measurements to report"  # which comes when no activations are left that do not stay
_ABOUT_DISK = (
    "Disk of all: the most that is there at once, where one job runs after the other. What discovery and\n"
    "class_features write goes before activations are cached; with activations.keep: false, these go too,\n"
    "checkpoint by checkpoint (jobs: many) or network by network (jobs: few)."
)


class Cost(NamedTuple):
    """What a rule costs: jobs, seconds beside their starts, bytes that it writes, bytes of memory of a job."""

    rule: str
    jobs: int
    seconds: float
    disk: float
    memory: float


@dataclass(frozen=True)
class Traced:
    """What the network and the images say.

    Attributes
    ----------
    images, classes : int
        Of the source.
    forward : Work
        Of one image's forward pass.
    parameters : int
        Of the network.
    units : dict
        Units of every cached layer, after pooling.
    repeated : list of str
        Layers that hold the numbers of another one, and so take no disk.
    """

    images: int
    classes: int
    forward: Work
    parameters: int
    units: dict[str, int]
    repeated: Sequence[str]


def traced(config: Config) -> Traced:
    """Trace the network on the meta device, which computes shapes without numbers.

    Raises
    ------
    StrataError
        If the images are not here and the configuration does not tell their number.
    """
    images, classes = images_and_classes(config)
    model, size, caching = config.model, config.data.size, config.activations
    names = layers.cached_layers(caching.layers)
    network = build(model, classes).to("meta").eval()
    with torch.device("meta"):
        inner = extractor(network, names, pool=caching.pool, tokens=caching.tokens, head=model.head)
        with counted() as forward:
            outputs = inner(torch.empty(1, 3, size, size))
    units = {name: outputs[name].shape[1] for name in names}
    parameters = sum(p.numel() for p in network.parameters())
    again = repeated(network, names, pool=caching.pool, head=model.head)
    return Traced(images, classes, forward, parameters, units, again)


def estimate(config: Config, shape: Traced, *, rates: Mapping[str, float]) -> pd.DataFrame:
    """Return one row a rule: jobs, disk in bytes, hours of its device, peak memory of a job in bytes.

    The last two rows are of all rules: with everything kept, and with `activations.keep: false`. Their disk is the most
    that is there at once, where one job runs after the other.

    Parameters
    ----------
    config
        The whole configuration.
    shape
        Of its network and images.
    rates
        Of one device: operations a second of training, of products in forward passes, of float32 and float64 products
        and small factorisations; bytes a second of the other steps of forward passes, of memory and of the disk; images
        a second of decoding; seconds that a job starts in.
    """
    scale = _scale(config, shape, rates)
    costs = (
        *_of_images(config, shape, scale),
        *_of_checkpoints(config, shape, scale),
        *_of_features(config, shape, scale),
        *_of_probes(config, shape, scale),
        *_of_measures(config, shape, scale),
        *_of_factors(config, shape, scale),
        Cost(
            _LAST,
            2 * _jobs(config, _populations(config), _networks(config)) + 8 + (config.data.superclasses is not None),
            30 * rates["start"],
            _SHOWN,
            400 * scale.feature_count,
        ),
    )
    table = pd.DataFrame(
        {
            "rule": cost.rule,
            "jobs": cost.jobs,
            "disk": cost.disk,
            "hours": (cost.seconds + cost.jobs * rates["start"]) / 3600,
            "memory": cost.memory + rates["memory"],
        }
        for cost in costs
    )
    return pd.concat([table, _totals(table, _at_once(config, shape, scale))], ignore_index=True)


def most_disk(config: Config, table: pd.DataFrame) -> float:
    """Return the bytes that a run has on the disk at most.

    Parameters
    ----------
    config
        The whole configuration.
    table
        What `estimate` returns for it.
    """
    wanted = _ALL if config.activations.keep else _NOT_KEPT
    return float(table.set_index("rule")["disk"][wanted])


def text(config: Config, shape: Traced, *, tables: Mapping[str, pd.DataFrame]) -> str:
    """Return the estimate as a page for a terminal: one table, the time on every device whose rates are known.

    Parameters
    ----------
    config
        The whole configuration.
    shape
        Of its network and images.
    tables
        Name of a device to what `estimate` returns for it.
    """
    first = next(iter(tables.values()))
    shown = pd.DataFrame({"rule": first["rule"], "jobs": first["jobs"], "disk": first["disk"].map(_bytes)})
    for device, table in tables.items():
        shown[f"time, {device}"] = table["hours"].map(_time)
    shown["peak memory of a job"] = first["memory"].map(_bytes)
    about = (
        f"{config.run}: {shape.images:,} images of {shape.classes:,} classes, {config.model.source} with "
        f"{shape.parameters / 1e6:.1f} million parameters and {shape.forward.operations / 1e9:.2f} GFLOP an image, "
        f"{len(epochs(config))} checkpoints, "
        f"{shape.classes * config.features.per_class:,} features, {len(config.seeds)} seed(s)"
    )
    return f"{about}\n\n{shown.to_string(index=False)}\n\n{_ABOUT_DISK}\n"


def read_rates() -> dict[str, dict[str, float]]:
    """Return the rates of every known device; the name says what was measured."""
    return json.loads(RATES.read_text())


def images_and_classes(config: Config) -> tuple[int, int]:
    """Return how many images and classes the source has, as far as it is here, else as the section `costs` tells."""
    told, data = config.costs, config.data
    if told.images and told.classes:
        return told.images, told.classes
    source = source_of(data.source)
    if source.needs_path and not Path(str(data.path)).is_dir():
        raise StrataError(
            f"config key costs.images and costs.classes must tell the size of {data.path}, which is not here"
        )
    return source.counted(given_by(data))


def _scale(config: Config, shape: Traced, rates: Mapping[str, float]) -> Scale:
    shards = config.studied_shards
    studied = ceil(shape.images * shards / config.data.shards)
    k, d = shape.classes * config.features.per_class, shape.units[layers.PENULTIMATE]
    return Scale(
        images=studied,
        per_shard=ceil(studied / shards),
        checkpoints=len(epochs(config)),
        classes=shape.classes,
        feature_count=k,
        units=d,
        probed=tuple(shape.units[layer] for layer in layers.probed_layers(config.activations.layers)),
        pixels=3 * config.data.size**2,
        forward=shape.forward.operations / rates["forward"] + shape.forward.moved / rates["elementwise"],
        encoding=_ITERATIONS["codes"] * 2 * k * min(k, 2 * d),
        width=np.dtype(config.activations.dtype).itemsize,
        rates=rates,
    )


def _jobs(config: Config, each: int, together: int) -> int:
    """Return how many jobs do some work: of a job each, or together, as the configuration has it."""
    return each if config.jobs == "many" else together


def _networks(config: Config) -> int:
    """Count the networks: one a seed, and where it is asked for another of shuffled labels."""
    return len(config.seeds) * (1 + config.controls.shuffled_labels)


def _directions() -> int:
    """Count what stands in place of the features at every checkpoint."""
    return sum(bool(control.directions) for control in CONTROLS.values())


def _populations(config: Config) -> int:
    """Count what claims are tested on: features, other directions, untrained features, those of shuffled labels."""
    return len(config.seeds) * (2 + _directions() + config.controls.shuffled_labels)


def _training_images(config: Config, shape: Traced) -> int:
    return round(shape.images * (1 - config.data.test_fraction))


def _of_images(config: Config, shape: Traced, scale: Scale) -> Iterator[Cost]:
    disk, seconds = shape.images * scale.pixels, shape.images / scale.rates["decode"]
    yield Cost(
        "index, decode", 1 + _jobs(config, config.data.shards, 1), seconds, disk, 3 * scale.per_shard * scale.pixels
    )


def _of_checkpoints(config: Config, shape: Traced, scale: Scale) -> Iterator[Cost]:
    """Count training or adoption, and one pass over all images for every checkpoint."""
    seeds, checkpoints, rates = _networks(config), scale.checkpoints, scale.rates
    weights, shard, train = 4 * shape.parameters, scale.per_shard * scale.pixels, _training_images(config, shape)
    tested = shape.images - train
    if trained_here(config.model):
        passes = config.training.epochs * (3 * train + tested)
        seconds, disk = seeds * passes * shape.forward.operations / rates["train"], seeds * checkpoints * weights
        yield Cost("train", seeds, seconds, disk, shard + 20 * weights)
    else:
        seconds = checkpoints * tested * scale.forward
        yield Cost("adopt", 1, seconds, checkpoints * weights, shard + 2 * weights)
    end, between = _activations(config, shape, scale)
    cached = seeds * (_ends(scale) * end + (checkpoints - _ends(scale)) * between)
    seconds = seeds * checkpoints * scale.images * scale.forward + cached / rates["disk"]
    memory = shard + 2 * end / scale.images * scale.per_shard
    yield Cost("cache", seeds * _jobs(config, checkpoints, 1), seconds, cached, memory)


def _ends(scale: Scale) -> int:
    """Count the checkpoints whose branches are looked at: the first and the last."""
    return min(2, scale.checkpoints)


def _activations(config: Config, shape: Traced, scale: Scale) -> tuple[float, float]:
    """Return the bytes of the activations of a checkpoint: with those of branches, and without."""
    once = {layer: units for layer, units in shape.units.items() if layer not in shape.repeated}
    probed = sum(once.get(layer, 0) for layer in layers.probed_layers(config.activations.layers))
    return scale.images * scale.width * sum(once.values()), scale.images * scale.width * probed


def _at_once(config: Config, shape: Traced, scale: Scale) -> float:
    """Return the bytes of activations that are there at once where they are not kept.

    In a run of few jobs, those of a network. Else the ends come first, one by one, and what is probed in them stays for
    the checkpoints between, while the activations of branches go; then these come one by one.
    """
    end, between = _activations(config, shape, scale)
    others = scale.checkpoints - _ends(scale)
    if config.jobs == "few":
        return _ends(scale) * end + others * between
    ends = _networks(config) * _ends(scale)
    return max((ends - 1) * between + end, (ends + min(1, others)) * between)


def _of_features(config: Config, shape: Traced, scale: Scale) -> Iterator[Cost]:
    """Count discovery and codes: of every checkpoint, of both halves of the images at the last, and of the controls."""
    how, rates, seeds, shards = config.features, scale.rates, _networks(config), config.studied_shards
    k, d, train, pixels = scale.feature_count, scale.units, _training_images(config, shape), scale.pixels
    given = min(train, shape.classes * (how.images_per_class or train))
    images = given * (how.crops or 1)
    seconds = seeds * images / rates["decode"] if how.crops else 0
    yield Cost("discovery", seeds * how.jobs, seconds, seeds * images * pixels, 3 * images * pixels / how.jobs)
    halves, passes = 2 * seeds, seeds * (scale.checkpoints + 1)  # two halves make one pass over the images
    dictionaries = seeds * scale.checkpoints + halves
    dictionary, memory = 4 * (k + shape.classes) * d, 24 * k * d  # with the head
    factorisation = _ITERATIONS["features"] * 8 * images * d * how.per_class
    yield Cost(
        "class_features",
        _jobs(config, dictionaries, seeds) * how.jobs,
        passes * (images * scale.forward + factorisation / rates["small"]),
        dictionaries * dictionary,
        (24 * images * d + 10 * 8 * STARTS * how.per_class * (images + shape.classes * d)) / how.jobs
        + 2 * IMAGES_AT_ONCE * pixels,
    )
    jobs = _jobs(config, dictionaries, seeds)
    yield Cost("dictionary", jobs, 0, dictionaries * dictionary, memory)
    # Together with those of a network of shuffled labels, which none asks for, where jobs are few.
    other = _jobs(config, len(config.seeds), seeds) * scale.checkpoints * _directions()
    jobs = _jobs(config, other, seeds * _directions())
    yield Cost("control_directions", jobs, 0, other * dictionary, memory)
    encodings = (dictionaries + other) * shards
    active = _ACTIVE * min(k, d)
    code = active * (4 + np.min_scalar_type(k - 1).itemsize)  # bytes of an image's: values and columns
    yield Cost(
        "codes",
        _jobs(config, dictionaries + other, seeds),
        encodings * scale.per_shard * scale.encoding / rates["product32"],
        encodings * scale.per_shard * code,
        8 * (3 * k * k + 4 * scale.per_shard * k)
        + min(working_bytes(torch.device("cpu")), ROWS_AT_ONCE * BYTES_AN_ENTRY * active**2),
    )
    controls = sum(bool(control.codes) for control in CONTROLS.values())
    made = seeds * shards * controls
    yield Cost("control_codes", seeds * controls, 0, made * scale.per_shard * code, 12 * scale.per_shard * k)
    made = seeds * shards
    seconds = made * scale.per_shard * 2 * k * d / rates["product64"]
    yield Cost("projections", seeds, seconds, made * scale.per_shard * 4 * k, 20 * scale.per_shard * k)


def _of_probes(config: Config, shape: Traced, scale: Scale) -> Iterator[Cost]:
    """Count what is probed together: jobs, layers, and in each how many features (see the rule `probe`)."""
    networks, seeds, others, checkpoints = _networks(config), len(config.seeds), _directions(), scale.checkpoints
    probed, branches = layers.probed_layers(config.activations.layers), layers.branches_of(config.activations.layers)
    codes = sum(bool(control.codes) for control in CONTROLS.values())
    own = config.probes.family
    wanted = {
        (own, "own"): (networks * checkpoints, probed, 1 + others),
        (own, "followed"): (networks * (checkpoints - 1), [layers.PENULTIMATE], 2 + others),
        (own, "in the untrained network"): (networks, probed, 1),
        (own, "others"): (networks, probed, codes + 1),
        (REFERENCE, "flow"): (networks + seeds, branches, 1 + others),
    }
    if own != REFERENCE:
        wanted[REFERENCE, "own"] = (networks, probed, 1 + others)
    # V-information and CKA; errors of probe and mean, and the penalty, of every fold.
    measured = (2 + 3 * config.probes.folds) * 8 * scale.feature_count
    about = {"images": scale.images, "folds": config.probes.folds}
    for name in dict.fromkeys(family for family, _ in wanted):
        family = FAMILIES[name].of(config.activations.sample)
        parts = [part for (of, _), part in wanted.items() if of == name]
        told = {**about, "width": scale.width, "rates": scale.rates, **family.own(config.probes)}
        if config.activations.sample == "enriched":
            told["classes"] = scale.classes
        seconds = sum(
            times * sets * sum(family.seconds(shape.units[layer], scale.feature_count, **told) for layer in among)
            for times, among, sets in parts
        )
        widest = max([shape.units[layer] for _, among, _ in parts for layer in among], default=0)
        memory = family.memory(widest, scale.feature_count, **about, memory_mb=config.probes.memory_mb)
        chunks = sum(times * ceil(len(among) / config.probes.layers_per_job) for times, among, _ in parts)
        jobs = _jobs(config, chunks, networks if name == own else 0)  # of all families together
        disk = sum(times * sets * len(among) for times, among, sets in parts) * measured
        yield Cost(f"probe ({name})", jobs, seconds, disk, memory)


def _of_measures(config: Config, shape: Traced, scale: Scale) -> Iterator[Cost]:
    seeds, networks = len(config.seeds), _networks(config)
    for measure in MEASURES.values():
        seconds, memory = measure.cost(scale, measure.given(config))
        times = _populations(config) if measure.of_nulls else networks
        yield Cost(measure.name, _jobs(config, times, networks), times * seconds, 0, memory)
    if seeds > 1:
        seconds, memory = cost_between_seeds(scale, seeds)
        yield Cost("seed_stability", 1, seconds, 0, memory)
    blocks = layers.early_middle_last(config.activations.layers)
    reference, told = FAMILIES[REFERENCE], FAMILIES[REFERENCE].own(config.probes)
    about = {"images": scale.images, "folds": config.probes.folds, "width": scale.width, "rates": scale.rates}
    seconds = sum(reference.seconds(shape.units[block], 3, **about, **told) for block in blocks)
    widest = max(shape.units[block] for block in blocks)
    yield Cost("decoded", 1, seconds, 24 * len(blocks) * scale.images, 16 * scale.per_shard * widest)
    if config.questions.visualise:
        pictures = SHOWN + 3 * len(blocks)
        # A step sees six crops, forward and backward.
        seconds = pictures * config.questions.visualise_steps * 6 * 3 * shape.forward.operations / scale.rates["train"]
        yield Cost("visualise", 1, seconds, pictures * 4 * scale.pixels, 2 * scale.per_shard * scale.pixels)


def _of_factors(config: Config, shape: Traced, scale: Scale) -> Iterator[Cost]:
    """Count what is asked of known factors, where images are made here."""
    if not source_of(config.data.source).factors:
        return
    seeds = len(config.seeds)
    probed = layers.probed_layers(config.activations.layers)
    chunks = ceil(len(probed) / config.probes.layers_per_job)
    answers = seeds * scale.checkpoints * 4 * (shape.images - _training_images(config, shape)) * scale.forward
    each = seeds * (3 + scale.checkpoints * chunks)
    jobs = _jobs(config, each, 2 * seeds + _networks(config))
    yield Cost("ground truth", jobs, answers, 0, 4 * scale.per_shard * scale.pixels)


def _totals(table: pd.DataFrame, at_once: float) -> pd.DataFrame:
    """Return the rows of all rules (see `estimate`), from the bytes of activations at once where they are not kept."""
    sums = {name: table[name].sum() for name in ("jobs", "hours")} | {"memory": table["memory"].max()}
    disk = table.set_index("rule")["disk"]
    early, kept = disk[disk.index.isin(_EARLY)].sum(), disk.drop(_PASSING).sum()
    others = kept - disk["cache"]
    late = {_ALL: kept, _NOT_KEPT: max(others - disk[_LAST] + at_once, others)}
    return pd.DataFrame({"rule": rule, **sums, "disk": max(early, own)} for rule, own in late.items())


def _bytes(value: float) -> str:
    for unit, size in (("TiB", 1024 * _GiB), ("GiB", _GiB), ("MiB", 2**20)):
        if value >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value / 1024:.0f} KiB" if value else "–"


def _time(hours: float) -> str:
    return f"{hours:,.1f} h" if hours >= 1 else f"{hours * 60:.1f} min"
