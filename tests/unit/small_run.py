"""A small run made up for tests of pages: tables and shards that belong together, as the workflow writes them."""

import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from finished_runs import finding

from strata import store, tables
from strata.layers import branches

# Names are text, whatever they look like.
CLASSES = [
    "plain",
    "two words",
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    'say "hi", ü',
    "",
]
LAYERS = ["stem", "block-01", "block-02", "penultimate"]
EPOCHS = (0, 1, 2, 3)
SIDE = 16
IMAGES = 90


def small_run(
    folder: Path, *, n=60, seeds=(0,), epochs=EPOCHS, blocks=("block-01", "block-02"), pictures=False, images=IMAGES
) -> SimpleNamespace:
    """Write a run; return what `strata.page.explorer.explore` takes, and what it was made from.

    Of every tenth feature the robustness is missing; the code of the second last is constant, so that complexity and
    V-information are, too.
    """
    folder, rng = Path(folder), np.random.default_rng(0)
    made = [_seed(seed, n, epochs, blocks, rng) for seed in seeds]
    names = ("features", "by_checkpoint", "decoding", "control_vinfo", "branch_cka")
    found = {name: pd.concat([own[name] for own in made], ignore_index=True) for name in names}
    files = {}
    for name, table in found.items():
        files[name] = folder / f"{name}.csv"
        tables.write(files[name], table)
    files["findings"] = folder / "findings.json"
    told = [
        finding("q4.simplicity_bias", figure="q4_importance"),
        finding("a.local", verdict="not supported", figure="a_local"),
    ]
    store.write_bytes(files["findings"], json.dumps([asdict(f) for f in told]).encode())
    ids = [f"image-{i:03d}" for i in range(images)]
    pixels = np.stack([_picture(i, images) for i in range(images)])
    codes = [rng.gamma(1, 1, (images, n)) * (rng.random((images, n)) < 0.4) for _ in seeds]
    for z in codes:
        z[:, _constant(n)] = 0
    half = images // 2
    parts = [slice(0, half), slice(half, images)]
    files["images"], shards = [], [[] for _ in seeds]
    for i, rows in enumerate(parts):
        arrays = {"ids": np.array([name.encode() for name in ids[rows]]), "images": pixels[rows]}
        arrays["labels"] = np.arange(images)[rows].astype(np.int32) % len(CLASSES)
        files["images"].append(folder / "images" / f"shard-{i:03d}.h5")
        store.write(files["images"][-1], arrays, kind="images", images=f"shard {i}", classes=CLASSES)
        for seed, own, z in zip(seeds, shards, codes, strict=True):
            own.append(folder / f"codes-{seed}" / f"shard-{i:03d}.h5")
            store.write(own[-1], {"codes": z[rows].astype(np.float32)}, kind="codes", images=f"shard {i}")
    dictionaries = [rng.normal(size=(n, 12)) for _ in seeds]
    files["dictionaries"] = [folder / f"features-{seed}.h5" for seed in seeds]
    for path, directions in zip(files["dictionaries"], dictionaries, strict=True):
        store.write(path, {"dictionary": directions}, kind="features")
    files["pictures"] = [folder / "pictures.h5"] if pictures else []
    if pictures:
        arrays = {"meta_features": np.arange(3), "pictures": rng.integers(0, 256, (3, 24, 24, 3)).astype(np.uint8)}
        store.write(files["pictures"][0], arrays, kind="pictures")
    return SimpleNamespace(files=files, codes=shards, tables=found, ids=ids, pixels=pixels, z=codes, d=dictionaries)


def _constant(n: int) -> slice:
    """Return which feature's code is constant: the second last, where there are several."""
    return slice(n - 2, n - 1) if n > 2 else slice(0)


def _picture(i: int, images: int) -> np.ndarray:
    """Return an image of one colour that no other has, with a corner of another one."""
    levels = [40 * (i % 6), 40 * (i // 6 % 6), int(255 * i / images)]
    picture = np.full((3, SIDE, SIDE), np.array(levels, np.uint8)[:, None, None])
    picture[:, : SIDE // 2, : SIDE // 2] = 255 - picture[:, : SIDE // 2, : SIDE // 2]
    return picture


def _seed(seed, n, epochs, blocks, rng) -> dict[str, pd.DataFrame]:
    key = pd.DataFrame({"seed": seed, "feature": np.arange(n)})
    layers = ["stem", *blocks, "penultimate"]
    ease = rng.uniform(0.1, 0.9, n)
    vinfo = {
        layer: np.clip(ease * (i + 1) / len(layers) + rng.normal(0, 0.02, n), -0.05, 1)
        for i, layer in enumerate(layers)
    }
    for values in vinfo.values():
        values[_constant(n)] = np.nan
    k = 1 - np.clip(np.array([*vinfo.values()]), 0, 1).mean(0)
    importance = np.exp(rng.normal(-3 * np.nan_to_num(k), 0.5))
    features = key.assign(
        **{
            "class": [CLASSES[i * len(CLASSES) // n] for i in range(n)],
            "complexity": k,
            "temporal_decoding_score": np.clip(k * 0.8 + rng.normal(0, 0.05, n), 0, 1),
            "importance": importance,
            "robustness": np.where(np.arange(n) % 10, rng.uniform(0, 1, n), np.nan),
            "hoyer": rng.uniform(0, 1, n),
            **{f"vinfo_{layer}": values for layer, values in vinfo.items()},
            "meta_feature": np.arange(n) % 7,
            "umap_x": rng.normal(0, 3, n) + 5 * (np.arange(n) % 7 // 4),
            "umap_y": rng.normal(0, 3, n),
            "branch": [("L", "RL", "RR")[i % 3] for i in range(n)],
        }
    )
    by_checkpoint = [
        key.assign(epoch=e, complexity=k * (e + 1) / (epochs[-1] + 1), importance=importance) for e in epochs
    ]
    decoding = [key.assign(epoch=e, vinfo=vinfo["penultimate"] * e / epochs[-1]) for e in epochs if e > 0]
    untrained = [key.assign(control="untrained", layer=layer, vinfo=v / 3) for layer, v in vinfo.items()]
    untrained += [key.assign(control="shuffled", layer=layer, vinfo=0.0) for layer in layers]
    cka = [key.assign(layer=name, cka=rng.uniform(0, 0.6, n)) for block in blocks for name in branches(block)]
    empty = {"decoding": ["seed", "feature", "epoch", "vinfo"], "branch_cka": ["seed", "feature", "layer", "cka"]}
    return {
        "features": features,
        "by_checkpoint": pd.concat(by_checkpoint),
        "decoding": pd.concat(decoding) if decoding else pd.DataFrame(columns=empty["decoding"]),
        "control_vinfo": pd.concat(untrained),
        "branch_cka": pd.concat(cka) if cka else pd.DataFrame(columns=empty["branch_cka"]),
    }
