"""Run all benchmarks and write results.md, results.json and results.png: `make bench`."""

import datetime
import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import caching
import codes
import explorer
import factorisation
import intervals
import matplotlib.pyplot as plt
import paper_layer
import probes
import starts
import torch
import whole_runs

from strata.job import reuse_memory

HERE = Path(__file__).parent
STORE = HERE / "results.json"
PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "himalaya", "overcomplete", "h5py", "snakemake")


def sections() -> dict[str, tuple[str, object]]:
    """Return every benchmark: title, what it is, and the work to do."""
    return {
        "probes": (
            f"Probes: {probes.IMAGES:,} images, {probes.UNITS} units, {probes.FEATURES:,} features, "
            f"{len(probes.PENALTIES)} penalties, {probes.FOLDS - 1} inner folds and the held-out one",
            probes.compare,
        ),
        "scaling": ("The same from shards on disk, by number of images", probes.scaling),
        "codes-1000": (
            f"Codes: 2,000 images, {codes.UNITS} units, 1,000 features",
            lambda: codes.compare(1000, images=2000, iterations=10),
        ),
        "codes-10000": (
            f"Codes: 400 images, {codes.UNITS} units, 10,000 features",
            lambda: codes.compare(10_000, images=400, iterations=1),
        ),
        "factorisation": (
            f"Factorisation: {factorisation.CLASSES} classes of {factorisation.IMAGES} × {factorisation.UNITS}, "
            f"rank {factorisation.RANK}",
            factorisation.compare,
        ),
        "caching-small": (
            "Caching: the demo's network, 1,000 images of 32 × 32",
            lambda: caching.compare("strata:resnet", {}, 32, 1000),
        ),
        "caching-resnet18": (
            "Caching: ResNet-18, 128 images of 224 × 224",
            lambda: caching.compare("torchvision:resnet18", {}, 224, 128),
        ),
        "memory": ("A forward pass of ResNet-18, 64 images of 224 × 224, one thread", caching.compare_memory),
        "store": ("A shard of 20,000 × 1,024 float32 (82 MB) written and read back", caching.compare_store),
        "coverage": (
            "Coverage of the 95 % intervals that Strata prints, by simulation (all conditions: coverage.csv)",
            intervals.compare,
        ),
        "explorer": (
            f"The explorer's page: {explorer.FEATURES:,} features, {explorer.LAYERS} layers, {explorer.EPOCHS} epochs, "
            "9 images each, in Chromium",
            explorer.measure,
        ),
        "starts": ("The start of every script: what it imports before it does anything", starts.measure),
        "paper-layer": (
            f"One layer of the paper's run through its jobs: {paper_layer.IMAGES:,} images, {paper_layer.UNITS:,} "
            f"units, {paper_layer.FEATURES:,} features",
            paper_layer.measure,
        ),
        "demo": ("The whole demo, and what `snakemake estimate` says of it", whole_runs.demo),
        "pretrained": ("The example of a pretrained network (EfficientNet-Lite0), likewise", whole_runs.pretrained),
        "larger": (
            f"ResNet-18 on {whole_runs.CLASSES * whole_runs.IMAGES:,} JPEG files of {whole_runs.SIDE} × "
            f"{whole_runs.SIDE}, 3 checkpoints, {10 * whole_runs.CLASSES:,} features, likewise",
            whole_runs.larger,
        ),
    }


def machine() -> dict[str, str]:
    """Tell where and with what this was measured."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
    return {
        "date": datetime.date.today().isoformat(),
        "processor": f"{model}, {torch.get_num_threads()} threads",
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def table(rows: list[dict]) -> list[str]:
    """Return rows as a Markdown table; ratios are over the first row's seconds."""
    timed = [row for row in rows if "tool" in row and "seconds" in row]
    for row in timed:
        row["times Strata"] = row["seconds"] / timed[0]["seconds"]
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for row in rows:
        cells = (row.get(name, "") for name in names)
        lines.append(
            "| " + " | ".join(f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in cells) + " |"
        )
    return lines


def picture(results: dict[str, list[dict]], titles: dict[str, str]) -> None:
    """Draw every comparison as bars of seconds, each from zero."""
    compared = [name for name, rows in results.items() if rows and "tool" in rows[0]]
    figure, axes = plt.subplots(len(compared), 1, squeeze=False, figsize=(8, 1.5 * len(compared)), layout="constrained")
    for ax, name in zip(axes[:, 0], compared, strict=True):
        rows = results[name][::-1]
        colours = ["#0072B2" if row["tool"].startswith("Strata") else "#999999" for row in rows]
        bars = ax.barh([row["tool"] for row in rows], [row["seconds"] for row in rows], color=colours)
        ax.bar_label(bars, fmt="%.3g s", padding=3, fontsize=7)
        ax.margins(x=0.12)
        ax.set_title(titles[name], fontsize=8, loc="left")
        ax.tick_params(labelsize=7)
        ax.spines[["top", "right"]].set_visible(False)
    axes[-1, 0].set_xlabel("seconds (median)", fontsize=8)
    figure.savefig(HERE / "results.png", dpi=150)


def main(wanted: list[str]) -> None:
    """Run the named benchmarks, or all; those that are not run keep their last results."""
    results = json.loads(STORE.read_text())["results"] if STORE.exists() else {}
    titles = {name: title for name, (title, _) in sections().items()}
    torch.set_num_threads(2)
    reuse_memory()  # as jobs do; the peers have it too
    for name, (title, work) in sections().items():
        if not wanted or name in wanted:
            print(f"{title} …", flush=True)
            results[name] = work()
            print("\n".join(table(results[name])), flush=True)
            write({name: results[name] for name in titles if name in results}, titles)


def write(results: dict[str, list[dict]], titles: dict[str, str]) -> None:
    """Write what is measured so far."""
    STORE.write_text(json.dumps({"machine": machine(), "results": results}, indent=1) + "\n")
    lines = ["# Benchmarks", "", "Written by `make bench`; medians of five runs, taken in turn in one process.", ""]
    lines += [f"- {key}: {value}" for key, value in machine().items()]
    for name, rows in results.items():
        lines += ["", f"## {titles[name]}", "", *table(rows)]
    notes = (HERE / "notes.md").read_text().strip()
    (HERE / "results.md").write_text("\n".join([*lines, "", notes]) + "\n")
    picture(results, titles)


if __name__ == "__main__":
    main(sys.argv[1:])
