"""What the explorer holds of a run: its parts, packed, and what tells a browser how to read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from strata import store
from strata.layers import PENULTIMATE
from strata.measures.flow import arrival, by_block, skip_share
from strata.page.columns import TEXTS, told
from strata.page.packing import as_json, deflated, in_blocks, levels
from strata.page.thumbnails import most_activating, thumbnails, webp

NEIGHBOURS = 8  # of a feature, nearest first
_PICTURE = 144  # the side of a picture, at most
_PLACES = ["seed", "feature"]


@dataclass
class Contents:
    """What a page holds.

    Attributes
    ----------
    about : dict
        What JSON can hold.
    parts : dict
        Name to bytes.
    """

    about: dict[str, Any]
    parts: dict[str, bytes]

    def add(self, name: str, part: bytes, **about: Any) -> None:
        """Add a part, and what is to be known of it.

        Parameters
        ----------
        name
            Of the part.
        part
            Its bytes.
        **about
            What JSON can hold.
        """
        self.about |= about
        self.parts[name] = part


def add_columns(contents: Contents, features: pd.DataFrame, *, branch_cka: pd.DataFrame) -> None:
    """Add every column of the features, and what they flow through, as float32; names by their places in a list.

    Parameters
    ----------
    contents
        That is added to.
    features
        One row a feature and seed.
    branch_cka
        Linear CKA with the branches: seed, layer, feature, cka; empty where there are none.
    """
    table = features.copy()
    if len(branch_cka):
        came = arrival(branch_cka)
        flow = pd.DataFrame({"skip_share": skip_share(branch_cka), "later_in_main": came["main"] - came["skip"]})
        table = table.merge(flow.reset_index(), on=_PLACES, how="left")
    columns = []
    for name in map(str, table):
        column: dict[str, Any] = {"name": name, **told(name)}
        if name in TEXTS:
            codes, values = pd.factorize(table[name], sort=True)
            table[name], column["values"] = codes, list(values)
        columns.append(column)
    seeds = [int(seed) for seed in features["seed"].unique()]
    contents.add("columns", deflated(table.to_numpy(np.float32).T), columns=columns, rows=len(table), seeds=seeds)


def add_vinfo(
    contents: Contents, features: pd.DataFrame, *, decoding: pd.DataFrame, control_vinfo: pd.DataFrame
) -> None:
    """Add V-information by layer and epoch: all layers first and last, the penultimate one between.

    Parameters
    ----------
    contents
        That is added to.
    features
        One row a feature and seed, with vinfo_<layer>: of the last epoch.
    decoding
        Of the penultimate layer by epoch: seed, epoch, feature, vinfo.
    control_vinfo
        Of which the control `untrained` is the same features in the untrained network: seed, control, layer, feature,
        vinfo.
    """
    layers = [name.removeprefix("vinfo_") for name in map(str, features) if name.startswith("vinfo_")]
    epochs = contents.about["epochs"]
    rows = pd.MultiIndex.from_frame(features[_PLACES])
    untrained = control_vinfo[control_vinfo["control"] == "untrained"]
    first = untrained.pivot(index=_PLACES, columns="layer", values="vinfo").reindex(rows)
    between = decoding.pivot(index=_PLACES, columns="epoch", values="vinfo").reindex(rows)
    # From one to the next little changes: up the layers, along the epochs, down the layers.
    cells = {(layer, epochs[0]): first[layer] for layer in layers if layer in first}
    cells |= {(PENULTIMATE, epoch): between[epoch] for epoch in epochs[1:-1] if epoch in between}
    cells |= {(layer, epochs[-1]): features[f"vinfo_{layer}"] for layer in reversed(layers)}
    packed, offsets = in_blocks(levels(np.array([*cells.values()]), (0, 1), kind=np.uint8))
    places = [[layers.index(layer), epochs.index(epoch)] for layer, epoch in cells]
    contents.add("vinfo", packed, layers=layers, vinfo={"cells": places, "offsets": offsets})


def add_cka(contents: Contents, features: pd.DataFrame, *, branch_cka: pd.DataFrame) -> None:
    """Add linear CKA with the branches of every block.

    Parameters
    ----------
    contents
        That is added to.
    features
        One row a feature and seed.
    branch_cka
        seed, layer, feature, cka; empty where there are no branches.
    """
    wide = branch_cka.pivot(index=_PLACES, columns="layer", values="cka")
    named = by_block(pd.DataFrame({"layer": wide.columns.astype(str)})).sort_values(["branch", "block"])
    wide = wide.reindex(pd.MultiIndex.from_frame(features[_PLACES]))[named["layer"]]
    packed, offsets = in_blocks(levels(wide.to_numpy().T, (0, 1), kind=np.uint8))
    places = [[branch, f"block-{block:02d}"] for branch, block in zip(named["branch"], named["block"], strict=True)]
    contents.add("cka", packed, cka={"cells": places, "offsets": offsets})


def add_population(contents: Contents, by_checkpoint: pd.DataFrame) -> None:
    """Add complexity and importance of the features that every checkpoint has of itself, as uint16.

    Parameters
    ----------
    contents
        That is added to.
    by_checkpoint
        seed, epoch, feature, complexity, importance, …
    """
    seeds, epochs = contents.about["seeds"], contents.about["epochs"]
    parts = [by_checkpoint[(by_checkpoint["seed"] == s) & (by_checkpoint["epoch"] == e)] for s in seeds for e in epochs]
    table = pd.concat(parts)
    sizes = np.reshape([len(part) for part in parts], (len(seeds), len(epochs))).tolist()
    with np.errstate(divide="ignore"):
        importance = np.log10(table["importance"].to_numpy(float))  # of none: missing
    known = importance[np.isfinite(importance)]
    span = (float(known.min()), float(known.max())) if len(np.unique(known)) > 1 else (-1.0, 0.0)
    complexity = levels(table["complexity"].to_numpy(float), (0, 1), kind=np.uint16)
    packed = deflated(np.stack([complexity, levels(importance, span, kind=np.uint16)]))
    contents.add("population", packed, population={"sizes": sizes, "importance": span})


def add_neighbours(contents: Contents, dictionaries: Sequence[str | Path]) -> None:
    """Add the nearest features of every feature, by the cosine of their directions, nearest first.

    Parameters
    ----------
    contents
        That is added to.
    dictionaries
        Shards, one a seed.
    """
    begin, rows, cosines = 0, [], []
    for path in dictionaries:
        directions = store.read(path, kind="features")[0]["dictionary"].astype(np.float32)
        size = np.linalg.norm(directions, axis=1, keepdims=True)
        unit = directions / np.where(size > 0, size, 1)
        for part in range(0, len(unit), 1024):
            near = unit[part : part + 1024] @ unit.T
            near[np.arange(len(near)), part + np.arange(len(near))] = -np.inf  # not itself
            last = max(near.shape[1] - NEIGHBOURS, 0)
            some = np.argpartition(near, last, axis=1)[:, last:]
            order = np.argsort(-np.take_along_axis(near, some, axis=1), axis=1, kind="stable")
            best = np.take_along_axis(some, order, axis=1)
            found = np.take_along_axis(near, best, axis=1)
            missing = [(0, 0), (0, NEIGHBOURS - best.shape[1])]
            rows.append(np.pad(np.where(np.isfinite(found), best + begin, -1), missing, constant_values=-1))
            cosines.append(np.pad(found, missing))
        begin += len(unit)
    contents.add("neighbours", deflated(np.concatenate(rows).astype(np.int32)), neighbours=NEIGHBOURS)
    contents.add("cosines", deflated(np.concatenate(cosines)))


def add_images(
    contents: Contents,
    images: Sequence[str | Path],
    *,
    codes: Sequence[Sequence[str | Path]],
    pictures: Sequence[str | Path],
    count: int,
) -> None:
    """Add the most activating images of every feature, as thumbnails, each once, and pictures made of meta-features.

    Parameters
    ----------
    contents
        That is added to.
    images
        Shards.
    codes
        Shards of the codes of every seed's features, of the same images in the same order.
    pictures
        Shards of pictures of the first seeds' meta-features (see `strata.measures.visualise`), or none.
    count
        How many images of a feature, at most.
    """
    numbers, places = most_activating(codes, count)
    pool, names, labels = thumbnails(numbers, images, codes=codes[0])
    with store.Shard(images[0], kind="images") as shard:
        classes = shard.attributes["classes"]
    made = []
    for seed, path in zip(contents.about["seeds"], pictures, strict=False):
        found = store.read(path, kind="pictures")[0]
        for meta_feature, picture in zip(found["meta_features"], found["pictures"], strict=True):
            made.append({"seed": seed, "meta_feature": int(meta_feature), "at": len(pool)})
            pool.append(webp(picture, _PICTURE))
    offsets = np.cumsum([0, *map(len, pool)]).astype(np.uint32)
    contents.add("best", deflated(places), examples=count, classes=classes)
    contents.add("names", deflated(np.frombuffer(as_json({"names": names, "labels": labels}).encode(), np.uint8)))
    contents.add("offsets", deflated(offsets), pictures=made)
    contents.add("pool", b"".join(pool))
