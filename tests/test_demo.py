"""What `make demo` has written is all that it promises. Run by .ci/run, after the demo."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from strata.figures.catalogue import FIGURES

pytestmark = pytest.mark.demo

ROOT = Path(__file__).parents[1]
RUN = ROOT / "results" / "digits"
DRAWN = [name for name, figure in FIGURES.items() if figure.needs in ("", "checkpoints", "branches")]
FILES = [
    *("index.html", "report.html", "features.csv", "findings.json", "findings.md", "seed-0/training.csv"),
    *(f"{folder}/{name}.{kind}" for name in DRAWN for folder, kind in (("figures", "svg"), ("figures", "png"))),
    *(f"tables/{name}.csv" for name in DRAWN),
]


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_there(name):
    assert (RUN / name).stat().st_size > 0


def test_the_network_has_learned():
    with open(RUN / "seed-0/training.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[-1]["accuracy"]) >= 0.98


def test_nothing_is_left_to_do():
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--dry-run"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Nothing to be done" in done.stdout + done.stderr
