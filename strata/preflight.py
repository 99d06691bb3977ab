"""What is checked before a network is trained, or adopted, so that no run stops afterwards."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from strata import store
from strata.activations.cache import Caching, cache
from strata.config.keys import Config
from strata.device import compute_device
from strata.features.class_features import check_counts, check_head, check_sign
from strata.features.discovery import classes_of
from strata.layers import PENULTIMATE, cached_layers
from strata.networks.build import build
from strata.networks.head import head_of, head_weights


def check(config: Config, image_shards: Sequence[str | Path]) -> None:
    """Check before a network is trained, or its weights are adopted, what would otherwise stop the run afterwards.

    Parameters
    ----------
    config
        The whole configuration.
    image_shards
        All of them.

    Raises
    ------
    StrataError
        If the network lacks a layer that is to be cached, its head does not give its answer, its penultimate layer is
        negative under `nmf`, a class gives fewer images to discovery than the rank, or classes are fewer than jobs.
    """
    parts = []
    for path in image_shards:
        with store.Shard(path, kind="images") as shard:
            classes = shard.attributes["classes"]
            parts.append(np.bincount(shard.read("labels")[shard.read("train")], minlength=len(classes)))
    given, counts = config.features, np.sum(parts, axis=0)
    most = given.images_per_class or counts.max()
    classes_of(0, given.jobs, classes=len(classes))
    check_counts(classes, counts.clip(max=most) * (given.crops or 1), per_class=given.per_class, method=given.method)

    with store.Shard(image_shards[0], kind="images") as shard:
        images = shard.read("images", slice(0, 8))
    model, section = config.model, config.activations
    caching = Caching(section.pool, section.tokens, section.batch_size)
    network = build(model, len(classes)).to(compute_device()).eval()
    layers = cached_layers(section.layers)
    cached = cache(network, layers, images=images, model=model, caching=caching, dtype=section.dtype)
    check_sign(cached[PENULTIMATE], given.method)
    weight, bias = head_weights(head_of(network, model.head))
    check_head(network, images, weight=weight, bias=bias, model=model, caching=caching)
