"""Question 1: what features look like as a function of complexity."""

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import SubFigure

from strata import store
from strata.figures.most_activating import images_at, largest, places_among, scores_of
from strata.figures.parts import Drawn, colour_of, draw_map, first_seed
from strata.measures.meta_features import meta_features
from strata.plain import on_one_line


def q1_spectrum(
    features: pd.DataFrame, images: Sequence[str], *, codes: Sequence[str], scale: Normalize, examples: int
) -> Drawn:
    """Draw the distribution of complexity, and the most activating images of ten features along it.

    Parameters
    ----------
    features
        One row a feature and seed.
    images, codes
        Shards of images, and of the codes of the first seed's last features, in the same order.
    scale
        Of complexity.
    examples
        How many images stand for a feature.
    """
    known = features.dropna(subset=["complexity"]).sort_values(["complexity", "feature"])
    own = first_seed(features).dropna(subset=["complexity"]).sort_values(["complexity", "feature"])
    chosen = own.iloc[np.unique(np.linspace(0, len(own) - 1, 10).round().astype(int))]
    wanted = chosen["feature"].to_numpy()
    pictures, labels = most_activating(scores_of(codes, lambda z: z[:, wanted]), images, codes=codes, count=examples)
    figure = plt.figure(figsize=(7, 3.1))
    grid = figure.add_gridspec(2, len(chosen), height_ratios=[1.25, 1])
    ax = figure.add_subplot(grid[0, :])
    counts, edges = np.histogram(known["complexity"], bins=np.linspace(0, 1, 41))
    middles = (edges[1:] + edges[:-1]) / 2
    ax.bar(middles, counts, width=edges[1] - edges[0], color=colour_of(middles, scale))
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
    shown = zip(pictures, chosen["complexity"], chosen["class"], strict=True)
    for column, (own_images, value, name) in enumerate(shown):
        ax = figure.add_subplot(grid[1, column])
        _show(ax, [_mosaic(own_images, examples)], colour_of(value, scale))
        ax.set_xlabel(f"K = {value:.2f}\n{textwrap.fill(f'class {on_one_line(name)}', 12)}", fontsize=6.5)
    table = chosen[["seed", "feature", "class", "complexity"]].assign(images=[" ".join(names) for names in labels])
    return figure, table


def q1_map(features: pd.DataFrame, scale: Normalize) -> Drawn:
    """Draw the map of the first seed's features by complexity, with the places of its meta-features.

    Parameters
    ----------
    features
        One row a feature and seed.
    scale
        Of complexity.
    """
    own = first_seed(features)
    shown = meta_features(own)
    figure, ax = plt.subplots(figsize=(5.2, 4.2))
    draw_map(ax, own, column="complexity", label="complexity K", colours="viridis", norm=scale)
    places = shown[["meta_feature", "rank", "umap_x", "umap_y"]]
    near = own.merge(places, on="meta_feature", how="left", suffixes=("", "_mean"))
    if len(own) < 1000:  # more lines than that would hide the map
        x, y = (near[[f"umap_{axis}", f"umap_{axis}_mean"]].to_numpy().T for axis in "xy")
        ax.plot(x, y, color="black", lw=0.4, alpha=0.4, zorder=0)
    _number(ax, shown, own[["umap_x", "umap_y"]].to_numpy())
    ax.set_title(f"{len(own)} features, {own['meta_feature'].nunique()} meta-features (1: the simplest)")
    return figure, near[["seed", "feature", "class", "complexity", "meta_feature", "rank", "umap_x", "umap_y"]]


def _number(ax: Axes, shown: pd.DataFrame, points: np.ndarray) -> None:
    """Write the numbers of meta-features as near to their middles as covers no point and no other number.

    A place is of the circles around the middle, ever wider ones; the size of a number is told in parts of the map.
    """
    low, high = points.min(0), points.max(0)
    across = np.where(high > low, high - low, 1)
    taken, size = (points - low) / across, 0.045
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    for meta in shown.itertuples():
        middle = (np.array([meta.umap_x, meta.umap_y]) - low) / across
        around = [middle + r * np.array([np.cos(a), np.sin(a)]) for r in np.arange(0, 1.5, size / 2) for a in angles]
        place = next(p for p in around if np.linalg.norm(taken - p, axis=1).min() > size)
        taken = np.vstack([taken, place])
        ax.annotate(
            str(meta.rank),
            middle * across + low,
            xytext=place * across + low,
            ha="center",
            va="center",
            fontsize=7,
            bbox={"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": "black", "lw": 0.6},
            arrowprops={"arrowstyle": "-", "lw": 0.6, "shrinkA": 0, "shrinkB": 0},
        )


def q1_meta_features(
    features: pd.DataFrame,
    images: Sequence[str],
    *,
    codes: Sequence[str],
    pictures: Sequence[str],
    scale: Normalize,
    examples: int,
) -> Drawn:
    """Draw the images on which each meta-feature is largest, simple to complex, beside its picture if there is one.

    Parameters
    ----------
    features
        One row a feature and seed.
    images, codes
        Shards of images, and of the codes of the first seed's last features, in the same order.
    pictures
        The shard of pictures (see `strata.measures.visualise`), or nothing.
    scale
        Of complexity.
    examples
        How many images stand for a feature.
    """
    own = first_seed(features)
    shown = meta_features(own)
    members = [own.loc[own["meta_feature"] == m, "feature"].to_numpy() for m in shown["meta_feature"]]
    scores = scores_of(codes, lambda z: np.stack([z[:, m].mean(1) for m in members], 1))
    largest_images, labels = most_activating(scores, images, codes=codes, count=examples)
    made = [store.read(path, kind="pictures")[0]["pictures"] for path in pictures]
    parts = 1 + len(made)
    columns = 5 if made else 6
    rows = -(-len(shown) // columns)
    figure = plt.figure(figsize=(7, rows * (7 / columns / parts + 0.24)))
    for cell, row in enumerate(shown.itertuples()):
        ax = figure.add_subplot(rows, columns, cell + 1)
        _show(
            ax,
            [_mosaic(largest_images[cell], examples), *(of_kind[cell] for of_kind in made)],
            colour_of(row.complexity, scale),
        )
        ax.set_title(f"{row.rank} · K = {row.complexity:.2f} · n = {row.n}", fontsize=7, pad=2, loc="center")
    return figure, shown.assign(images=[" ".join(names) for names in labels])


def q1_plate(
    features: pd.DataFrame,
    decoded: str | Path,
    *,
    images: Sequence[str],
    codes: Sequence[str],
    pictures: Sequence[str],
    scale: Normalize,
    examples: int,
) -> Drawn:
    """Draw what an early, a middle and the last block tell of a simple, a middling and a complex feature.

    Parameters
    ----------
    features
        One row a feature and seed.
    decoded
        The shard of decoded features (see `strata.measures.decoded`).
    images, codes
        Shards of images, and of the codes of the first seed's last features, in the same order.
    pictures
        The shard of pictures (see `strata.measures.visualise`), or nothing.
    scale
        Of complexity.
    examples
        How many images stand for a feature.
    """
    found, about = store.read(decoded, kind="decoded")
    made = [store.read(path, kind="pictures")[0] for path in pictures]
    own = first_seed(features).set_index("feature").loc[found["features"]].reset_index()
    own = own[["seed", "feature", "class", "complexity"]].assign(rank=about["ranks"])
    of_codes = scores_of(codes, lambda z: z[:, found["features"]])
    parts = 1 + len(made)
    widths = [1] + [parts] * len(about["layers"])
    figure = plt.figure(figsize=(7, len(own) * (7 / sum(widths) + 0.24) + 0.25))
    columns = figure.subfigures(1, len(widths), width_ratios=widths, squeeze=False)[0]
    colours = colour_of(own["complexity"].to_numpy(), scale)
    told = own[["rank", "class", "complexity"]].to_numpy()
    itself = [f"{rank}, K = {k:.2f}\nclass {on_one_line(name)}" for rank, name, k in told]
    shown, labels = most_activating(of_codes, images, codes=codes, count=examples)
    _column(columns[0], "the feature itself", [[_mosaic(i, examples)] for i in shown], itself, colours)
    tables = [own.assign(source="itself", images=[" ".join(names) for names in labels])]
    for column, layer in zip(columns[1:], about["layers"], strict=True):
        predicted = [found[f"{layer}/prediction"]]
        best, labels = most_activating(predicted, images, codes=codes, count=examples)
        rows = [[_mosaic(i, examples), *(m[f"{layer}/pictures"][row] for m in made)] for row, i in enumerate(best)]
        vinfo = found[f"{layer}/vinfo"]
        _column(column, f"decoded from {layer}", rows, [f"V-information\n{v:.2f}" for v in vinfo], colours)
        tables.append(own.assign(source=layer, vinfo=vinfo, images=[" ".join(names) for names in labels]))
    return figure, pd.concat(tables, ignore_index=True)


def _column(
    figure: SubFigure, title: str, shown: list[list[np.ndarray]], labels: Sequence[str], colours: np.ndarray
) -> None:
    """Show pictures in rows, each row with a label below, under one title."""
    figure.suptitle(title, fontsize=8)
    axes = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    for ax, pictures, label, colour in zip(axes, shown, labels, colours, strict=True):
        _show(ax, pictures, colour)
        ax.set_xlabel(label, fontsize=7, labelpad=2)


def most_activating(
    scores: Iterable[np.ndarray], images: Sequence[str], *, codes: Sequence[str], count: int
) -> tuple[list[np.ndarray], list[list[str]]]:
    """Return the images (at most count × height × width × 3) on which each score is largest, and their ids.

    Parameters
    ----------
    scores
        Images × scores, a part of the images after the other (NaN where an image is not to be shown).
    images, codes
        Shards of the images, and of codes of the same images, in the same order.
    count
        How many images of a score.
    """
    numbers, places = places_among(largest(scores, count))
    names, _, pixels = zip(*images_at(numbers, images, codes=codes), strict=True)
    return [np.stack(pixels)[own] for own in places], [[names[i] for i in own] for own in places]


def _show(ax: Axes, pictures: Sequence[np.ndarray], colour: Any) -> None:
    """Show pictures side by side, in a frame of a colour."""
    for place, picture in enumerate(pictures):
        ax.imshow(picture, extent=(1.05 * place, 1.05 * place + 1, 0, 1))
    ax.set(xlim=(0, 1.05 * len(pictures) - 0.05), ylim=(0, 1), xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set(visible=True, color=colour, linewidth=2)


def _mosaic(images: np.ndarray, places: int) -> np.ndarray:
    """Lay images out in a square of so many places, with a thin white line between them."""
    n, height, width, _ = images.shape
    side = int(np.sqrt(places))
    sheet = np.full((side * (height + 1) - 1, side * (width + 1) - 1, 3), 255, np.uint8)
    for i in range(min(n, side * side)):
        y, x = (i // side) * (height + 1), (i % side) * (width + 1)
        sheet[y : y + height, x : x + width] = images[i]
    return sheet
