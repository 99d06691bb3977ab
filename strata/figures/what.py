"""Question 1: what features look like as a function of complexity."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from strata import store
from strata.figures.drawing import Drawn


def q1_spectrum(
    features: pd.DataFrame, image_shards: Sequence[str], code_shards: Sequence[str], examples: int
) -> Drawn:
    """Draw the distribution of complexity, and the most activating images of ten features along it."""
    known = features.dropna(subset=["complexity"]).sort_values(["complexity", "feature"])
    own = known[known["seed"] == features["seed"].iloc[0]]
    chosen = own.iloc[np.unique(np.linspace(0, len(own) - 1, 10).round().astype(int))]
    pictures, labels = most_activating(chosen["feature"].to_numpy(), image_shards, code_shards, examples)
    figure = plt.figure(figsize=(7, 3.1))
    grid = figure.add_gridspec(2, len(chosen), height_ratios=[1.25, 1])
    ax = figure.add_subplot(grid[0, :])
    colour = plt.get_cmap("viridis")
    counts, edges = np.histogram(known["complexity"], bins=np.linspace(0, 1, 41))
    middles = (edges[1:] + edges[:-1]) / 2
    ax.bar(middles, counts, width=edges[1] - edges[0], color=colour(middles))
    ax.set(
        xlim=(0, 1),
        xlabel="complexity K",
        ylabel="features",
        title=f"{len(known)} features, simple to complex",
    )
    ax.plot(
        chosen["complexity"],
        np.full(len(chosen), -0.04 * counts.max()),
        "^",
        color="black",
        ms=4,
        clip_on=False,
    )
    side = int(np.sqrt(examples))
    shown = zip(pictures, chosen["complexity"], chosen["class"], strict=True)
    for column, (images, value, name) in enumerate(shown):
        ax = figure.add_subplot(grid[1, column])
        ax.imshow(_mosaic(images, side))
        ax.set_xticks([])
        ax.set_yticks([])
        ax.set_xlabel(f"K = {value:.2f}\nclass {name}", fontsize=6.5)
        for spine in ax.spines.values():
            spine.set(visible=True, color=colour(value), linewidth=2)
    table = chosen[["seed", "feature", "class", "complexity"]].assign(images=[" ".join(names) for names in labels])
    return figure, table


def most_activating(
    features: np.ndarray, image_shards: Sequence[str], code_shards: Sequence[str], count: int
) -> tuple[list[np.ndarray], list[list[str]]]:
    """Return the images (at most count × height × width × 3) on which each feature is largest, and their ids."""
    images, ids, codes = [], [], []
    for image_shard, code_shard in zip(image_shards, code_shards, strict=True):
        with store.Shard(code_shard, kind="codes") as shard:
            z, of = shard.read("codes")[:, features], shard.attributes["images"]
        with store.Shard(image_shard, kind="images", images=of) as shard:
            best = np.unique(np.argsort(-z, axis=0, kind="stable")[:count])
            images.append(shard.read("images")[best])
            ids += [name.decode() for name in shard.read("ids")[best]]
        codes.append(z[best])
    z, pictures = np.concatenate(codes), np.concatenate(images).transpose(0, 2, 3, 1)
    order = [
        rows[column[rows] > 0]
        for rows, column in zip(np.argsort(-z, axis=0, kind="stable")[:count].T, z.T, strict=True)
    ]
    return [pictures[rows] for rows in order], [[ids[i] for i in rows] for rows in order]


def _mosaic(images: np.ndarray, side: int) -> np.ndarray:
    """Lay images out in a square, with a thin white line between them."""
    n, height, width, _ = images.shape
    sheet = np.full((side * (height + 1) - 1, side * (width + 1) - 1, 3), 255, np.uint8)
    for i in range(min(n, side * side)):
        y, x = (i // side) * (height + 1), (i % side) * (width + 1)
        sheet[y : y + height, x : x + width] = images[i]
    return sheet
