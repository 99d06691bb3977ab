"""What is checked before anything is computed or submitted, so that no run stops afterwards.

Read as a page (`snakemake preflight`), and by every run before its first job (`strata.start`).
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from strata import estimate
from strata.activations.cache import Caching, alike, cache
from strata.config.check import checked
from strata.config.keys import Config
from strata.device import compute_device
from strata.errors import StrataError, one_line
from strata.features.class_features import check_counts, check_head, check_sign
from strata.features.discovery import classes_of
from strata.images.decode import decoded
from strata.images.index import classes_in, index
from strata.images.sources import given_by
from strata.images.superclasses import superclasses
from strata.layers import PENULTIMATE, branches_of, cached_layers, probed_layers
from strata.networks.build import build
from strata.networks.epochs import epochs, files, trained_here
from strata.networks.head import head_of, head_weights, told
from strata.networks.state_dicts import fit, published, read
from strata.networks.work import Work, counted
from strata.probes.families import FAMILIES

LOOKED_AT = 8
"""Images that go through the network."""


def page(config: Config) -> str:
    """Check a configuration, its images and its network, and tell what was found.

    The images are listed, and a few of them decoded; the network is built, its weights are read (published ones are
    downloaded, where they are not here), and it is run on these images.

    Parameters
    ----------
    config
        The whole configuration.

    Returns
    -------
    str
        Images by class, the network, its layers and head, the device, and what the run takes.

    Raises
    ------
    StrataError
        The first thing that would stop the run, and what to do about it.
    """
    images = _images(config)
    network = _network(config, classes=images["class"].nunique())
    shape = _run(config, network, images)
    _check_memory(config, shape.units, images)
    costs = {device: estimate.estimate(config, shape, rates=own) for device, own in estimate.read_rates().items()}
    _check_disk(config, next(iter(costs.values())))
    return "\n".join([*_about_images(config, images), *_about_network(config, network, shape)]) + (
        f"\n\n{estimate.text(config, shape, tables=costs)}"
    )


def _images(config: Config) -> pd.DataFrame:
    """List the images, and check that they are of two classes at least, with as many of each as features need."""
    data, how = config.data, config.features
    images = index(given_by(data), data.test_fraction, shards=data.shards, seed=data.seed)
    classes = classes_in(images)
    if len(classes) < 2:
        raise StrataError(
            f"the images of {data.path or data.source} are of one class, {classes[0]!r}; a network needs two at least "
            "to tell apart"
        )
    training = images.loc[images["split"] == "train", "label"]
    counts = np.bincount(training, minlength=len(classes))
    classes_of(0, how.jobs, classes=len(classes))
    most = how.images_per_class or counts.max()
    check_counts(classes, counts.clip(max=most) * (how.crops or 1), per_class=how.per_class, method=how.method)
    absent = sorted(set(classes) - set(images.loc[images["shard"] < config.studied_shards, "class"]))
    if absent:
        raise StrataError(
            f"config key activations.shards: {config.studied_shards} of {data.shards} shards hold no image of "
            f"{len(absent)} classes ({absent[0]!r} first); study more of them"
        )
    if (count := len(_studied(config, images))) < config.probes.folds * 2:
        raise StrataError(
            f"config key probes.folds: {config.probes.folds} folds of {count} images are too small; lower it, "
            "or study more images"
        )
    if data.superclasses:
        superclasses(data.superclasses, classes)
    return images


def _studied(config: Config, images: pd.DataFrame) -> pd.DataFrame:
    """Return the images that probes are of."""
    chosen = images["shard"] < config.studied_shards
    if config.questions.images == "test":
        chosen &= images["split"] == "test"
    return images[chosen]


def _network(config: Config, *, classes: int) -> nn.Module:
    """Build the network, with the last of the weights that are given; all of them have to fit it."""
    model = config.model
    network = build(model, classes)
    if not trained_here(model):
        named = files(model.checkpoints) if model.checkpoints else {}
        for path in named.values():
            fit(network, read(path), source=path)
        if not named:
            fit(network, published(model), source=f"config key model.weights: {model.weights}")
    return network.to(compute_device()).eval()


def _run(config: Config, network: nn.Module, images: pd.DataFrame) -> estimate.Traced:
    """Run the network on a few images, as not every one runs without numbers; return what it and they say."""
    model, section, method = config.model, config.activations, config.features.method
    data = config.data
    read = decoded(
        images.head(LOOKED_AT),
        given=given_by(data),
        size=data.size,
        resize=data.resize,
        on_bad_image=data.on_bad_image,
    )
    some = np.stack([image for image in read if not isinstance(image, StrataError)])
    caching = Caching(section.pool, section.tokens, section.batch_size)
    with counted() as work:
        cached = cache(
            network, cached_layers(section.layers), images=some, model=model, caching=caching, dtype=section.dtype
        )
    for layer, values in cached.items():
        if not np.isfinite(values).all():
            raise StrataError(f"the network's activations are not finite (first in {layer}); its weights are broken")
    check_sign(cached[PENULTIMATE], method)
    weight, bias = head_weights(head_of(network, model.head))
    check_head(network, some, weight=weight, bias=bias, model=model, caching=caching)
    return estimate.Traced(
        images=len(images),
        classes=images["class"].nunique(),
        forward=Work(work.operations / len(some), work.moved / len(some)),
        parameters=sum(p.numel() for p in network.parameters()),
        units={layer: values.shape[1] for layer, values in cached.items()},
        repeated=[layer for _, *others in alike(cached) for layer in others],
    )


def _check_memory(config: Config, units: dict[str, int], images: pd.DataFrame) -> None:
    probes = config.probes
    widest = max(units[layer] for layer in probed_layers(config.activations.layers))
    count = images["class"].nunique() * config.features.per_class
    FAMILIES[probes.family].of(config.activations.sample).check_memory(
        widest, count, images=len(_studied(config, images)), folds=probes.folds, memory_mb=probes.memory_mb
    )


def _check_disk(config: Config, costs: pd.DataFrame) -> None:
    """Refuse a disk on which what the run still has to write does not fit, by the estimate."""
    results = Path("results") / config.run
    free = shutil.disk_usage(next(p for p in (results, *results.absolute().parents) if p.exists())).free
    needed = estimate.most_disk(config, costs)
    if needed <= free:
        return
    there = sum(path.stat().st_size for path in results.rglob("*") if path.is_file())
    if needed - there > free:
        takes, has, left = (f"{size / 2**30:,.1f} GiB" for size in (needed, there, free))
        less = " or set activations.keep: false" if config.activations.keep else ""
        raise StrataError(
            f"results/{config.run} takes {takes} by the estimate (of which {has} is there), and {left} is free on its "
            f"disk; make room, put results/ on another disk, study fewer images (activations.shards){less}"
        )


def _about_images(config: Config, images: pd.DataFrame) -> list[str]:
    data, counts = config.data, images.groupby("class").size()
    split = images["split"].value_counts()
    some = [f"{name!r} {count:,}" for name, count in counts.items()]
    by_class = ", ".join(some if len(some) <= 12 else [*some[:5], "…", *some[-5:]])
    return [
        f"images      {data.path or data.source}: {len(images):,} of {len(counts):,} classes; "
        f"{split.get('train', 0):,} to train, {split.get('test', 0):,} to test; {data.size} × {data.size} pixels",
        f"by class    {by_class}",
        f"shards      {data.shards}, of which {config.studied_shards} studied",
    ]


def _about_network(config: Config, network: nn.Module, shape: estimate.Traced) -> list[str]:
    model, device = config.model, compute_device()
    device_name = torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU here, so the CPU"
    weights = model.weights or ", ".join(model.checkpoints or []) or "trained here"
    layers = ", ".join(f"{layer} {shape.units[layer]}" for layer in probed_layers(config.activations.layers))
    branches = branches_of(config.activations.layers)
    return [
        f"network     {model.source}, {shape.parameters / 1e6:.2f} million parameters; {weights}",
        f"layers      {layers} (units)",
        f"branches    {len(branches)}" + ("" if branches else " (no residual block is listed: question 3 is left out)"),
        f"head        {told(network, model.head)}",
        f"checkpoints {', '.join(map(str, epochs(config)))} (epochs; 0: untrained)",
        f"device      {device_name}",
    ]


if __name__ == "__main__":
    with one_line():
        page(checked(json.load(sys.stdin)))
