"""Figures: what a reader of the paper looks at, and the numbers behind each.

Every function takes tables and returns a figure with the table that it shows. Colours are those of Okabe & Ito (2008),
which colour-blind readers can tell apart; complexity is always shown in viridis.
"""

import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from strata import store
from strata.questions import Finding, most_important, tenths
from strata.statistics import bootstrap, pearson

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"
VERDICTS = {"supported": GREEN, "not supported": ORANGE, "undecided": GREY}
Drawn = tuple[Figure, pd.DataFrame]

STYLE: dict[str, Any] = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "legend.fontsize": 7,
    "svg.hashsalt": "strata",
    "svg.fonttype": "none",
    "figure.constrained_layout.use": True,
    "axes.prop_cycle": plt.cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]),
}
plt.switch_backend("agg")
plt.style.use(STYLE)


def save(drawn: Drawn, name: str, folder: str | Path, dpi: int) -> None:
    """Write figures/<name>.svg and .png, and tables/<name>.csv, under a run's folder."""
    figure, table = drawn
    folder = Path(folder)
    for kind, metadata in (("svg", {"Date": None}), ("png", {})):
        drawing = io.BytesIO()
        figure.savefig(drawing, format=kind, dpi=dpi, metadata=metadata)
        store.write_bytes(folder / "figures" / f"{name}.{kind}", drawing.getbuffer())
    plt.close(figure)
    store.write_bytes(folder / "tables" / f"{name}.csv", table.to_csv(index=False).encode())


def findings(found: Sequence[Finding]) -> Drawn:
    """Draw every claim as a value with its interval, coloured by its verdict."""
    figure, ax = plt.subplots(figsize=(7, 0.36 * len(found) + 1))
    rows = np.arange(len(found))[::-1]
    for row, f in zip(rows, found, strict=True):
        if f.value is None:
            continue
        ax.plot(
            [f.ci_low, f.ci_high],
            [row, row],
            color=VERDICTS[f.verdict],
            lw=2,
            solid_capstyle="butt",
        )
        ax.plot(f.value, row, "o", color=VERDICTS[f.verdict], ms=5)
    ax.axvline(0, color="black", lw=0.6)
    ax.set_yticks(rows, [f"{f.id}\n{f.statistic}" for f in found], fontsize=6)
    ax.set_xlabel("value, with its bootstrap interval")
    for verdict, colour in VERDICTS.items():
        ax.plot([], [], "o", color=colour, label=verdict)
    ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1), ncols=3)
    return figure, pd.DataFrame([asdict(f) for f in found])


def training(history: pd.DataFrame) -> Drawn:
    """Draw test loss and accuracy by epoch, a line a seed."""
    figure, axes = plt.subplots(1, 2, figsize=(7, 2.4))
    for ax, column in zip(axes, ("loss", "accuracy"), strict=True):
        for seed, rows in history.groupby("seed"):
            ax.plot(rows["epoch"], rows[column], "o-", ms=3, label=f"seed {seed}")
            ax.annotate(
                f"{rows[column].iloc[-1]:.3f}",
                (rows["epoch"].iloc[-1], rows[column].iloc[-1]),
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                fontsize=7,
            )
        ax.set(xlabel="epoch (0: untrained)", ylabel=f"{column} on test images")
    axes[0].set_yscale("log")
    axes[1].set_ylim(0, 1.08)
    axes[0].legend()
    return figure, history


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


def q2_emergence(features: pd.DataFrame, settings: dict[str, Any]) -> Drawn:
    """Draw complexity against temporal decoding score, with a linear fit."""
    figure, ax = plt.subplots(figsize=(3.6, 3.1))
    table = features.dropna(subset=["complexity"])
    _scatter(ax, table, "complexity", "temporal_decoding_score", settings)
    ax.set(xlabel="complexity K", ylabel="temporal decoding score Δ")
    return figure, table[["seed", "feature", "complexity", "temporal_decoding_score"]]


def q2_growth(by_checkpoint: pd.DataFrame, settings: dict[str, Any]) -> Drawn:
    """Draw the mean complexity of the features discovered at each epoch, the most important ones apart."""
    known = by_checkpoint.dropna(subset=["complexity"])
    rows = []
    for epoch, at_epoch in known.groupby("epoch"):
        top = pd.concat(most_important(t, settings["top_share"]) for _, t in at_epoch.groupby("seed"))
        for group, table in (("all features", at_epoch), ("most important", top)):
            rows.append({"epoch": epoch, "group": group, **_mean(table["complexity"], settings)})
    table = pd.DataFrame(rows)
    figure, ax = plt.subplots(figsize=(4.4, 3))
    for (name, line), colour in zip(table.groupby("group", sort=True), (BLUE, ORANGE), strict=True):
        _line(ax, line["epoch"], line, "complexity", colour, f"{name} (n = {line['n'].iloc[0]})")
    ax.set(xlabel="epoch (0: untrained)", ylabel="mean complexity K", ylim=(0, 1))
    ax.legend()
    return figure, table


def q3_flow(features: pd.DataFrame, branch_cka: pd.DataFrame, settings: dict[str, Any]) -> Drawn:
    """Draw the linear CKA with main and skip branch of every block, for the simplest and the most complex tenth."""
    known = features.dropna(subset=["complexity"])
    rows = []
    for group, members in zip(("simplest tenth", "most complex tenth"), tenths(known), strict=True):
        own = branch_cka.merge(members[["seed", "feature"]], on=["seed", "feature"])
        for layer, table in own.groupby("layer", sort=True):
            block, branch = str(layer).rsplit("-", 1)
            rows.append({"group": group, "block": block, "branch": branch, **_mean(table["cka"], settings)})
    table = pd.DataFrame(rows)
    figure, axes = plt.subplots(1, 2, figsize=(7, 2.8), sharey=True)
    for ax, (name, own) in zip(axes, table.groupby("group", sort=False), strict=True):
        for branch, colour in (("skip", BLUE), ("main", ORANGE)):
            line = own[own["branch"] == branch]
            x = line["block"].str.removeprefix("block-").astype(int).to_numpy()
            _line(ax, x, line, "cka", colour, f"{branch} branch")
        ax.set(xlabel="block", xticks=x, title=f"{name} (n = {own['n'].iloc[0]})")
    axes[0].set(ylabel="linear CKA with the feature", ylim=(0, None))
    axes[0].legend()
    return figure, table


def q4_importance(by_checkpoint: pd.DataFrame, settings: dict[str, Any]) -> Drawn:
    """Draw complexity against importance at the first and the last trained epoch."""
    known = by_checkpoint.dropna(subset=["complexity"])
    epochs = [e for e in sorted(known["epoch"].unique()) if e > 0]
    figure, axes = plt.subplots(1, 2, figsize=(7, 3))
    for ax, epoch, name in zip(axes, (epochs[0], epochs[-1]), ("first", "last"), strict=True):
        _scatter(ax, known[known["epoch"] == epoch], "complexity", "importance", settings)
        ax.set(xlabel="complexity K", ylabel="importance Γ (mean |z ∂y/∂z|, logits)", ylim=(0, None))
        ax.set_title(f"{name} epoch ({epoch})", loc="left", pad=16)
    return figure, known[known["epoch"].isin([epochs[0], epochs[-1]])]


def controls(features: pd.DataFrame, control_vinfo: pd.DataFrame, settings: dict[str, Any]) -> Drawn:
    """Draw the mean V-information in every layer: trained network, untrained network, shuffled codes."""
    layers = [name.removeprefix("vinfo_") for name in map(str, features) if name.startswith("vinfo_")]
    rows = []
    for layer in layers:
        own = control_vinfo[control_vinfo["layer"] == layer]
        groups = {"trained network": features[f"vinfo_{layer}"]}
        groups["untrained network (control)"] = own[own["control"] == "untrained"]["vinfo"]
        groups["shuffled codes (control)"] = own[own["control"] == "shuffled"]["vinfo"]
        for group, values in groups.items():
            rows.append({"layer": layer, "group": group, **_mean(values.dropna().rename("vinfo"), settings)})
    table = pd.DataFrame(rows)
    figure, ax = plt.subplots(figsize=(5, 3))
    for (name, line), colour in zip(table.groupby("group", sort=False), (BLUE, ORANGE, GREY), strict=True):
        x = np.arange(len(line))
        _line(ax, x, line, "vinfo", colour, str(name))
    ax.axhline(0, color="black", lw=0.6)
    ax.set_xticks(x, layers, rotation=45, ha="right", rotation_mode="anchor")
    ax.set(ylabel=f"mean V-information (n = {table['n'].iloc[0]} features)", ylim=(-0.05, 1))
    ax.legend(loc="upper left")
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


def _scatter(ax: Axes, table: pd.DataFrame, x: str, y: str, settings: dict[str, Any]) -> None:
    """Draw points with a linear fit, and Pearson's r with its interval as the title."""
    pairs = table[[x, y]].to_numpy(float)
    xs, ys = pairs.T
    ax.scatter(
        xs,
        ys,
        c=table["complexity"],
        cmap="viridis",
        vmin=0,
        vmax=1,
        s=14,
        lw=0.3,
        edgecolors="white",
        rasterized=len(pairs) > 2000,
    )
    if len(pairs) > 2 and np.ptp(xs) > 0:
        ends = np.array([xs.min(), xs.max()])
        ax.plot(ends, np.polyval(np.polyfit(xs, ys, 1), ends), color="black", lw=1)
    e = bootstrap(pearson, [pairs], 0.0, settings["bootstrap"], settings["confidence"], settings["seed"])
    ax.set_title(
        f"r = {e.value:+.2f} [{e.low:+.2f}, {e.high:+.2f}], n = {len(pairs)}",
        loc="right",
        fontsize=7.5,
    )


def _line(ax: Axes, x: Any, table: pd.DataFrame, column: str, colour: str, label: str) -> None:
    """Draw a column of means as a line, with the interval around it as a band."""
    ax.plot(x, table[column], "o-", ms=3, color=colour, label=label)
    ax.fill_between(x, table["ci_low"], table["ci_high"], color=colour, alpha=0.2, lw=0)


def _mean(values: pd.Series, settings: dict[str, Any]) -> dict[str, float]:
    """Return the number of values, their mean under their own name, and its interval: a part of a table's row."""
    e = bootstrap(
        lambda x: float(x.mean()),
        [values.to_numpy()],
        0.0,
        settings["bootstrap"],
        settings["confidence"],
        settings["seed"],
    )
    return {"n": len(values), str(values.name): e.value, "ci_low": e.low, "ci_high": e.high}
