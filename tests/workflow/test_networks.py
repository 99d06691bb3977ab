"""Networks that were trained elsewhere, and such as are not residual."""

import json
import re
import runpy
import shutil

import pandas as pd
import pytest
import torch
from workplace import RUN, SEED, Workplace

pytestmark = pytest.mark.workflow

# No residual block, a penultimate layer that may be negative, and a branch on the values, which cannot be traced.
MINE = """
import torch
from torch import nn

class Plain(nn.Module):
    def __init__(self, num_classes, width):
        super().__init__()
        self.early = nn.Sequential(nn.Conv2d(3, width, 3, 2, 1), nn.GELU())
        self.late = nn.Sequential(nn.Conv2d(width, 2 * width, 3, 2, 1), nn.GELU())
        self.head = nn.Linear(2 * width, num_classes)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        x = self.late(self.early(x))
        if x.mean() > 1e6:
            x = x / 2
        return self.head(x.mean((2, 3)))

def plain(num_classes, width=8):
    return Plain(num_classes, width)
"""
PLAIN = {
    "model": {
        "source": "python:mine:plain",
        "arguments": {"num_classes": 4, "width": 6},
        "checkpoints": ["published.pth"],
        "head": "head",
    },
    "activations.layers": ["early", "late"],
    "features.method": "semi-nmf",
}

SAVED = {"model.checkpoints": ["saved-{epoch}.pt"], "activations.keep": False}


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """A folder with a network of one's own, and a file of its weights as DistributedDataParallel saves them."""
    place = Workplace.new(tmp_path_factory.mktemp("networks") / "mine")
    place.path("mine.py").write_text(MINE)
    made = runpy.run_path(str(place.path("mine.py")))
    torch.manual_seed(3)
    weights = {f"module.{name}": tensor for name, tensor in made["plain"](4, 6).state_dict().items()}
    torch.save({"epoch": 17, "state_dict": weights}, place.path("published.pth"))
    return place


@pytest.fixture(scope="module")
def imaged(mine, tmp_path_factory):
    """The same, its images decoded."""
    place = mine.copy(tmp_path_factory.mktemp("networks") / "imaged")
    done = place.make(f"{SEED}/discovery/classes-000.h5", changes=PLAIN)
    assert done.code == 0, done.output
    return place


def test_one_checkpoint_of_ones_own_network_answers_what_it_can_and_says_what_not(mine, tmp_path):
    place = mine.copy(tmp_path / "place")
    done = place.make(changes=PLAIN)
    assert done.code == 0, done.output
    found = {f["id"]: f for f in json.loads(place.path(f"{RUN}/findings.json").read_text())}
    assert {"q1.spectrum", "q4.simplicity_bias", "q4.support", "control.untrained"} <= found.keys()
    assert not any(name.startswith(("q2", "q3")) for name in found)
    assert "q4.sedimentation" not in found
    said = place.path(f"{RUN}/findings.md").read_text()
    for part in ("left out: question 2, because", "left out: question 3, because", "accuracy: not measured"):
        assert part in said
    drawn = {path.stem for path in place.path(f"{RUN}/figures").glob("*.svg")}
    assert {"q1_spectrum", "q1_plate", "q4_importance", "q4_targets", "controls"} <= drawn
    assert not any(name.startswith(("q2", "q3", "training")) for name in drawn)
    features = pd.read_csv(place.path(f"{RUN}/features.csv"))
    assert features["complexity"].dropna().between(0, 1).all()
    assert features["complexity"].notna().mean() > 0.9
    assert "temporal_decoding_score" not in features
    assert place.path(f"{RUN}/report.html").stat().st_size > 1e5
    assert place.plan(changes=PLAIN) == {}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"activations.layers": ["early", "block-01"]}, "the model cannot be traced"),
        ({"features.method": "nmf"}, "allowed then: semi-nmf"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(imaged, tmp_path, changes, said):
    place = imaged.copy(tmp_path / "place")
    done = place.make(f"{SEED}/features/epoch-001.h5", changes=PLAIN | changes)
    assert done.code != 0
    assert any(said in line for line in done.errors), done.output


@pytest.fixture(scope="module")
def series(finished, tmp_path_factory):
    """A run to features.csv of files that a training has written, which keeps no activations."""
    place = Workplace.new(tmp_path_factory.mktemp("networks") / "series")
    for epoch in ("001", "002"):
        shutil.copy(finished.path(f"{SEED}/checkpoints/epoch-{epoch}.pt"), place.path(f"saved-{int(epoch)}.pt"))
    done = place.make(f"{RUN}/features.csv", changes=SAVED)
    assert done.code == 0, done.output
    return place


def test_a_series_of_files_gives_what_the_training_that_wrote_them_gives(finished, series):
    assert series.path(f"{RUN}/features.csv").read_bytes() == finished.path(f"{RUN}/features.csv").read_bytes()
    own, other = (pd.read_csv(p.path(f"{SEED}/training.csv")) for p in (series, finished))
    pd.testing.assert_frame_equal(own, other[list(own)], check_exact=False, rtol=1e-5)


def test_activations_that_are_not_kept_go_and_change_nothing(finished, series):
    assert series.path(f"{RUN}/features.csv").read_bytes() == finished.path(f"{RUN}/features.csv").read_bytes()
    assert list(series.files("seed-0/activations/**/*.h5")) == []
    assert series.plan(f"{RUN}/features.csv", changes=SAVED) == {}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "torchvision:resnet18",
            ("block-01-main layer1.0.bn2 64 ×", "head: fc, 512 units to 10 classes", "[stem, block-01, block-02,"),
        ),
        ("timm:resnetv2_18", ("block-01-main", "head: head.fc, 512 units to 10 classes")),  # a convolution
    ],
)
def test_the_layers_are_printed_for_a_person_to_choose(fresh, source, said):
    changes = {"model.source": source, "model.arguments": {}}
    done = fresh.snakemake("--cores", "1", "--quiet", "all", "--", "layers", changes=changes)
    assert done.code == 0, done.output
    printed = re.sub(" +", " ", done.output)
    for part in said:
        assert part in printed
