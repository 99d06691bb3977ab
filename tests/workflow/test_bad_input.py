"""Bad input: one clear line that names the key or the file, a failure, and nothing half-written."""

import io
import os
import shlex
import tarfile

import pytest
import torch
from torchvision.io import write_png
from workplace import RUN, SEED

pytestmark = pytest.mark.workflow

CHUNK = "stem-to-penultimate"


@pytest.fixture
def photos(fresh):
    """A workplace with a folder of two classes of 12 small images each."""
    rng = torch.Generator().manual_seed(0)
    for name in ("cat", "dog"):
        folder = fresh.path(f"photos/{name}")
        folder.mkdir(parents=True)
        for i in range(12):
            image = torch.randint(256, (3, 20, 24), generator=rng, dtype=torch.uint8)
            write_png(image, str(folder / f"{i:02d}.png"))
    return fresh


FOLDER = {"data.source": "folder", "data.path": "photos", "data.shards": 1}


def assert_refused(place, done, *said):
    """It failed with exactly one line for the user, which says this, and left nothing half-written."""
    assert done.code != 0
    assert len(done.errors) == 1, done.output
    assert [words for words in said if words not in done.errors[0]] == [], done.errors[0]
    assert place.temporary() == []


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("probes.penaltys", [1.0], ("probes.penaltys is unknown", "did you mean penalties?", "folds")),
        ("figure", {"dpi": 60}, ("key figure is unknown", "did you mean figures?")),
        ("training.epochs", "twelve", ("training.epochs", "whole number", "'twelve'")),
        ("training.epochs", 2.0, ("training.epochs", "whole number", "2.0")),
        ("seeds", [0.0], ("seeds.0", "whole number", "0.0")),
        ("features", None, ("features", "must hold keys", "found nothing")),
        ("probes.folds", 2, ("probes.folds", "from 3 to 20", "2")),
        ("data.test_fraction", 1.5, ("data.test_fraction", "below 1", "1.5")),
        ("data.source", "digit", ("data.source", "digits", "folder", "'digit'")),
        ("data.source", "folder", ("data.path",)),
        ("data.source", "tar", ("data.path",)),
        ("data.superclasses", "nowhere.csv", ("data.superclasses", "'nowhere.csv'")),
        ("activations.shards", 3, ("activations.shards", "at most", "3")),
        ("model.checkpoints", ["runs/{epoch}.pt"], ("model.checkpoints", "runs/{epoch}.pt matches no file")),
        ("model.weights", "IMAGENET1K_V1", ("model.weights", "strata publishes none")),
    ],
)
def test_a_bad_key_is_refused_before_anything_runs(fresh, key, value, said):
    done = fresh.make(f"{RUN}/images/index.csv", changes={key: value})
    assert_refused(fresh, done, "config key", *said)
    assert not fresh.path("results").exists()


def test_a_plan_refuses_a_bad_key_too(fresh):
    done = fresh.snakemake("--dry-run", changes={"probes.folds": 2})
    assert_refused(fresh, done, "probes.folds", "from 3 to 20")


def test_a_folder_that_does_not_exist_is_named_and_a_plan_of_told_images_goes_without(fresh):
    nowhere = {**FOLDER, "data.path": "nowhere/photos"}
    done = fresh.snakemake("--dry-run", changes=nowhere)
    assert_refused(fresh, done, "data.path", "nowhere/photos", "not a directory", "costs.images")
    told = {**nowhere, "costs": {"images": 100, "classes": 2}}
    assert fresh.plan(changes=told)["decode"] == 1
    done = fresh.make(f"{RUN}/images/index.csv", changes=told)
    assert_refused(fresh, done, "data.path", "nowhere/photos", "not a directory")
    assert not fresh.path("results").exists()


def test_a_folder_without_classes_is_named(fresh):
    fresh.path("photos").mkdir()
    done = fresh.make(f"{RUN}/images/index.csv", changes=FOLDER)
    assert_refused(fresh, done, "data.path", "photos", "no class")
    assert not fresh.path(f"{RUN}/images/index.csv").exists()


def test_a_damaged_tar_file_is_named(fresh):
    fresh.path("tars").mkdir()
    with tarfile.open(fresh.path("tars/a.tar"), "w") as archive:
        for name in ("0.png", "0.cls"):
            archive.addfile(tarfile.TarInfo(name))
    os.truncate(fresh.path("tars/a.tar"), 700)
    done = fresh.make(f"{RUN}/images/index.csv", changes={"data.source": "tar", "data.path": "tars"})
    assert_refused(fresh, done, "tars/a.tar", "must be whole and not compressed")
    assert not fresh.path(f"{RUN}/images/index.csv").exists()


def test_superclasses_of_other_classes_are_named_before_the_images_are_decoded(fresh):
    text = "".join(f"{name},{'even' if name % 2 == 0 else 'odd'}\n" for name in range(9))
    fresh.path("super.csv").write_text("class,superclass\n" + text)
    target = f"{RUN}/images/superclasses.csv"
    done = fresh.make(target, changes={"data.superclasses": "super.csv"})
    assert_refused(fresh, done, "data.superclasses", "super.csv", "lacks '9'")
    assert [*fresh.files("images/*")] == []


@pytest.mark.filterwarnings("ignore:The image decoding and encoding:DeprecationWarning")
def test_an_unreadable_image_fails_or_is_skipped_and_listed(photos):
    photos.path("photos/dog/07.png").write_bytes(b"not an image")
    target = f"{RUN}/images/shard-000.h5"

    done = photos.make(target, changes=FOLDER)
    assert_refused(photos, done, "photos/dog/07.png", "data.on_bad_image: skip")
    assert {*photos.files("images/*")} <= {"images/index.csv"}

    skip = {**FOLDER, "data.on_bad_image": "skip"}
    assert "decode" in photos.plan(target, changes=skip)
    done = photos.make(target, changes=skip)
    assert done.code == 0, done.output
    assert photos.path(target).exists()
    listed = photos.path(f"{RUN}/images/shard-000-skipped.csv").read_text().splitlines()
    assert len(listed) == 2
    assert listed[1].startswith("dog/07.png,dog,")


# Others are told by the preflight alike, see tests/unit/test_preflight.py.
WRONG = ("activations.layers", ["stem", "block-01", "block-22"], ("activations.layers", "'block-22'", "block-02"))


def test_what_a_network_or_its_images_lack_is_told_before_training(again):
    key, value, said = WRONG
    again.remove(SEED)  # the images are there
    done = again.make(f"{SEED}/checkpoints/epoch-001.pt", changes={key: value})
    assert_refused(again, done, *said)
    assert again.files("seed-0/**/*") == {}


def test_it_is_told_of_a_finished_run_without_training_again(again):
    (key, value, said), target = WRONG, f"{SEED}/activations/epoch-001/block-22/shard-000.h5"
    assert "train" not in again.plan(target, changes={key: value})
    before = again.files(target.removeprefix(f"{RUN}/"))
    done = again.make(target, changes={key: value})
    assert_refused(again, done, *said)
    assert again.files(target.removeprefix(f"{RUN}/")) == before


def test_a_damaged_shard_is_named_with_the_command_that_rebuilds_it(finished, again):
    target = f"{SEED}/vinfo/own/epoch-001/linear/{CHUNK}.h5"
    damaged = f"{SEED}/activations/epoch-001/block-01/shard-001.h5"
    os.truncate(again.path(damaged), again.path(damaged).stat().st_size // 2)
    done = again.make(target, force=True)
    assert_refused(again, done, f"{damaged} is truncated or damaged")
    assert not again.path(target).exists()

    command = shlex.split(done.errors[0].split("rebuild it with: ")[1].split(" (and")[0])
    assert command[0] == "snakemake"
    rebuilt = again.snakemake(*command[1:])
    assert rebuilt.code == 0, rebuilt.output
    assert again.path(damaged).read_bytes() == finished.path(damaged).read_bytes()
    assert again.make(target).code == 0
    assert again.path(target).read_bytes() == finished.path(target).read_bytes()


def test_a_checkpoint_that_does_not_fit_the_model_is_named(again):
    checkpoint = f"{SEED}/checkpoints/epoch-001.pt"
    content = torch.load(again.path(checkpoint), weights_only=True)
    content["model"]["head.weight"] = torch.zeros(10, 99)
    buffer = io.BytesIO()
    torch.save(content, buffer)
    again.path(checkpoint).write_bytes(buffer.getvalue())
    target = f"{SEED}/activations/epoch-001/stem/shard-000.h5"
    done = again.make(target)
    assert_refused(again, done, f"{checkpoint} does not fit the model", "head.weight", "(10, 99)")
    assert again.files("seed-0/activations/epoch-001/*/shard-000.h5") == {}


def test_a_full_disk_is_named_and_nothing_half_written_is_left(again, monkeypatch):
    """A limit on the size of files stands for the disk."""
    target = f"{RUN}/images/shard-000.h5"
    monkeypatch.setattr(again, "largest_file", 200_000)
    done = again.make(target, force=True)
    assert_refused(again, done, target, "could not be written")
    assert not again.path(target).exists()
