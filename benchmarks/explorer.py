"""The explorer of 10,000 features: how large its page is, how long it takes to write, to open and to brush."""

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from playwright.sync_api import Page, sync_playwright
from sklearn.datasets import load_sample_images
from timing import peak_mb

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit"))

from small_run import small_run

from strata import store
from strata.figures.catalogue import FIGURES
from strata.page.explorer import explore

FEATURES, LAYERS, EPOCHS, CLASSES = 10_000, 18, 91, 1_000
SHARDS, IMAGES, SIDE = 20, 2_000, 64
STEPS = 40  # of a brush


def measure() -> list[dict]:
    """Write the page of a run as large as the paper's, open it in Chromium, and brush it."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "explorer.html"
        files, codes = _run(Path(folder))
        addresses = {figure.name: figure.explorer for figure in FIGURES.values()}
        began, before = time.perf_counter(), psutil.Process().memory_info().rss / 2**20
        explore(files, run="large", codes=codes, addresses=addresses, examples=9, output=page)
        writing = time.perf_counter() - began
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            opening = [_opening(browser.new_page(), page) for _ in range(3)]
            own = browser.new_page(viewport={"width": 1440, "height": 900})
            _opening(own, page)
            brushing, selecting = _brushing(own), _selecting(own)
            browser.close()
        return [
            {
                "page in MB": page.stat().st_size / 1e6,
                "seconds to write it": writing,
                "peak memory of that, MiB": peak_mb() - before,
                "seconds to open it": statistics.median(opening),
                "ms a step of a brush": brushing,
                "ms to show a feature": selecting,
            }
        ]


def _opening(page: Page, path: Path) -> float:
    began = time.perf_counter()
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-ready]")
    return time.perf_counter() - began


def _brushing(page: Page) -> float:
    """Return the time from a movement of the pointer until all views are drawn again: the median of many."""
    return page.evaluate(
        """async (steps) => {
          const canvas = document.querySelector("canvas[aria-label^='complexity K: histogram']");
          const box = canvas.getBoundingClientRect();
          const at = (share) => ({ clientX: box.x + share * box.width, clientY: box.y + 9, pointerId: 1 });
          canvas.setPointerCapture = () => {};
          canvas.dispatchEvent(new PointerEvent("pointerdown", at(0.2)));
          const took = [];
          for (let i = 1; i <= steps; i++) {
            const began = performance.now();
            canvas.dispatchEvent(new PointerEvent("pointermove", at(0.2 + (0.6 * i) / steps)));
            await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
            took.push(performance.now() - began);
          }
          canvas.dispatchEvent(new PointerEvent("pointerup", at(0.8)));
          return took.sort((a, b) => a - b)[steps / 2];
        }""",
        STEPS,
    )


def _selecting(page: Page) -> float:
    took = []
    for feature in range(100, 10_000, 990):
        began = time.perf_counter()
        page.evaluate(f"location.hash = '#feature={feature}'")
        page.wait_for_function(f"document.querySelector('#feature h2').textContent.startsWith('Feature {feature} ')")
        took.append(1e3 * (time.perf_counter() - began))
    return statistics.median(took)


def _run(folder: Path) -> tuple[dict, list[list[Path]]]:
    """Write tables like the small run's of the tests, and shards of photographs' parts with codes that seldom fire."""
    blocks = tuple(f"block-{i:02d}" for i in range(1, LAYERS - 1))
    made = small_run(folder / "tables", n=FEATURES, epochs=tuple(range(EPOCHS)), blocks=blocks, images=12)
    rng = np.random.default_rng(0)
    photographs = [photograph.transpose(2, 0, 1) for photograph in load_sample_images().images]
    names = [f"n{label:08d}" for label in range(CLASSES)]
    images, codes = [], []
    for shard in range(SHARDS):
        pixels = np.stack([_part(photographs[i % len(photographs)], rng) for i in range(IMAGES)])
        ids = np.array([f"train-{shard * IMAGES + i:07d}".encode() for i in range(IMAGES)])
        arrays = {"images": pixels, "ids": ids, "labels": rng.integers(0, CLASSES, IMAGES).astype(np.int32)}
        images.append(folder / "images" / f"shard-{shard:03d}.h5")
        store.write(images[-1], arrays, kind="images", images=f"shard {shard}", classes=names)
        z = np.zeros((IMAGES, FEATURES), np.float32)
        z[rng.integers(0, IMAGES, 100_000), rng.integers(0, FEATURES, 100_000)] = rng.gamma(1, 1, 100_000)
        codes.append(folder / "codes" / f"shard-{shard:03d}.h5")
        store.write(codes[-1], {"codes": z}, kind="codes", images=f"shard {shard}")
    directions = rng.random((FEATURES, 2048)).astype(np.float32)
    store.write(made.files["dictionaries"][0], {"dictionary": directions}, kind="features")
    return made.files | {"images": images}, [codes]


def _part(photograph: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a part of a photograph, at a size of its own."""
    step = rng.integers(1, 4)
    y, x = (rng.integers(0, side - step * SIDE) for side in photograph.shape[1:])
    return photograph[:, y : y + step * SIDE : step, x : x + step * SIDE : step]


if __name__ == "__main__":
    print(measure())
