"""Finished runs made up for tests: what a comparison reads of a run, and nothing else."""

import json
from dataclasses import asdict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from strata import store, tables
from strata.claims.finding import Finding
from strata.figures.draw import save

LAST = "epoch-002"
SPLITS = ("train", "train", "test")  # of the images of a class


def finding(id, value=0.5, verdict="supported", **more):
    """Return a finding whose interval reaches 0.1 to both sides."""
    question = {"q": id[1], "a": "appendix", "c": "control", "t": "truth"}[id[0]]
    given = {"statistic": "Spearman ρ(complexity, something)", "p_value": 0.01, "n": 20, "alone": verdict} | more
    ends = {"ci_low": value - 0.1, "ci_high": value + 0.1}
    return Finding(id=id, question=question, claim=f"claim of {id}", value=value, verdict=verdict, **ends, **given)


def null(name, value, beaten):
    """Return a null of a finding, which it differs from or not."""
    return {
        "null": name,
        "value": value,
        "difference": 0.1,
        "ci_low": 0,
        "ci_high": 1,
        "p_value": 0.2,
        "beaten": beaten,
    }


def features(per_class=5, classes="ab", layers=("stem", "penultimate"), seed=0):
    """Return features of some classes, the complexities drawn at random."""
    n = per_class * len(classes)
    k = np.random.default_rng(seed).uniform(0.1, 0.9, n)
    own = {"seed": 0, "feature": np.arange(n), "class": np.repeat(list(classes), per_class)}
    vinfo = {f"vinfo_{layer}": 1 - k for layer in layers}
    return pd.DataFrame({**own, "complexity": k, "relative_complexity": k / 2, **vinfo})


def pixels(count, seed=0):
    """Return small images."""
    return np.random.default_rng(seed).integers(0, 256, (count, 3, 4, 4), dtype=np.uint8)


def write_run(folder, findings, table, *, accuracy=0.9, images=None, ids=None, codes=None, shards=1):
    """Write a finished run; with images, their ids and codes, also those, dealt into shards in turn.

    Returns its folder.
    """
    folder = Path(folder)
    tables.write(folder / "features.csv", table)
    store.write_bytes(folder / "findings.json", json.dumps([asdict(f) for f in findings]).encode())
    epochs = pd.DataFrame({"seed": 0, "epoch": [0, 1, 2]})
    tables.write(folder / "tables" / "by_checkpoint.csv", epochs.assign(feature=0, complexity=0.5))
    for seed, _ in table.groupby("seed"):
        history = epochs.drop(columns="seed").assign(loss=1.0, accuracy=[0.1, 0.2, accuracy])
        tables.write(folder / f"seed-{seed}" / "training.csv", history)
    for i in range(shards if images is not None else 0):
        name, rows = f"shard-{i:03d}.h5", slice(i, None, shards)
        names = np.array([one.encode() for one in ids[rows]])
        store.write(folder / "images" / name, {"images": images[rows], "ids": names}, kind="images")
        store.write(folder / "seed-0" / "codes" / LAST / name, {"codes": codes[rows]}, kind="codes")
    return folder


def write_answered(folder, findings, table, *, left_out=None, classes=None, skipped=0, figures=(), accuracy=0.9):
    """Write what the page of answers reads of a run: `write_run`, the list of its images, and figures.

    Returns its folder.
    """
    folder = write_run(folder, findings, table, accuracy=accuracy)
    store.write_bytes(folder / "left_out.json", json.dumps(left_out or {}).encode())
    names = classes or sorted(set(table["class"].astype(str)))
    rows = [(f"{i}.png", name, label, split) for label, name in enumerate(names) for i, split in enumerate(SPLITS)]
    tables.write(folder / "images" / "index.csv", pd.DataFrame(rows, columns=["image", "class", "label", "split"]))
    unread = pd.DataFrame({"image": [f"{i}.png" for i in range(skipped)], "class": "a", "why": "broken"})
    tables.write(folder / "images" / "shard-000-skipped.csv", unread)
    for name in figures:
        figure, ax = plt.subplots(figsize=(3, 2))
        ax.set_title(" ".join(names))
        save((figure, pd.DataFrame({"class": names})), name, folder=folder, dpi=60)
    return folder
