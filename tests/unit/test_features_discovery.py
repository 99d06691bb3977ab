import numpy as np
import pytest

from strata import store
from strata.errors import StrataError
from strata.features import discovery
from strata.images.decode import write_shard
from strata.images.index import index
from strata.images.sources import Given


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """The digits in five shards, 8 × 8 pixels."""
    folder = tmp_path_factory.mktemp("shards")
    given = Given("digits")
    images = index(given, 0.2, shards=5, seed=0)
    paths = [folder / f"shard-{i:03d}.h5" for i in range(5)]
    for i, path in enumerate(paths):
        write_shard(
            images[images["shard"] == i],
            [str(c) for c in range(10)],
            given=given,
            size=8,
            on_bad_image="fail",
            output=path,
        )
    return paths


def written(shards, output, per_class=None, crops=None, jobs=1, job=0):
    discovery.write_images(shards, per_class, crops=crops, jobs=jobs, job=job, output=output)
    return store.read(output, kind="discovery")


def rows(images):
    return sorted(image.tobytes() for image in images)


def training_images(shards, wanted):
    parts = [store.read(path)[0] for path in shards]
    return [image for part in parts for image in part["images"][part["train"] & np.isin(part["labels"], wanted)]]


def test_all_training_images_of_a_jobs_classes_are_gathered_class_by_class(shards, tmp_path):
    found, about = written(shards, tmp_path / "a.h5", jobs=3, job=1)
    assert sorted(set(found["labels"])) == [4, 5, 6]
    assert (np.diff(found["labels"]) >= 0).all()
    assert rows(found["images"]) == rows(training_images(shards, [4, 5, 6]))
    assert about["classes"] == [str(c) for c in range(10)]
    for label in (4, 5, 6):
        assert rows(found["images"][found["labels"] == label]) == rows(training_images(shards, [label]))


def test_a_class_gives_at_most_so_many_images_those_of_the_first_shards(shards, tmp_path):
    few, _ = written(shards, tmp_path / "few.h5", per_class=7)
    assert np.bincount(few["labels"]).tolist() == [7] * 10
    first = rows(training_images(shards[:1], range(10)))
    assert all(image.tobytes() in first for image in few["images"])
    more, _ = written(shards, tmp_path / "more.h5", per_class=40)  # more than a class has in one shard
    assert np.bincount(more["labels"]).tolist() == [40] * 10
    assert set(rows(few["images"])) <= set(rows(more["images"]))


def test_crops_stand_for_their_image_and_are_the_same_again(shards, tmp_path):
    whole, of_whole = written(shards, tmp_path / "whole.h5", per_class=3)
    (found, about), (again, _) = (written(shards, tmp_path / name, per_class=3, crops=4) for name in ("a.h5", "b.h5"))
    assert found["images"].shape == (120, 3, 8, 8)
    np.testing.assert_array_equal(found["labels"], whole["labels"].repeat(4))
    np.testing.assert_array_equal(found["images"], again["images"])
    assert len(set(rows(found["images"]))) > 100
    assert about["images"] != of_whole["images"]


def test_crops_show_parts_of_their_image_between_a_twelfth_and_all_of_it():
    y, x = np.mgrid[:160, :160]
    image = np.stack([y, x, 0 * y]).astype(np.uint8)
    crops = discovery.cropped(image, "a/1.png", count=60).astype(int)
    assert crops.shape == (60, 3, 160, 160)
    heights, widths = (crops[:, 0, -1, 80] - crops[:, 0, 0, 80]) + 1, (crops[:, 1, 80, -1] - crops[:, 1, 80, 0]) + 1
    shares = heights * widths / 160**2
    assert shares.min() > 0.07
    assert shares.max() <= 1
    assert shares.std() > 0.15
    assert ((heights / widths > 0.7) & (heights / widths < 1.4)).all()
    assert (discovery.cropped(image, "a/2.png", count=1) != crops[:1]).any()


def test_a_class_without_training_images_is_told(shards, tmp_path):
    arrays, about = store.read(shards[0])
    store.write(tmp_path / "shard.h5", arrays | {"train": arrays["train"] & (arrays["labels"] != 3)}, **about)
    with pytest.raises(StrataError, match="class '3' has no training image"):
        written([tmp_path / "shard.h5"], tmp_path / "a.h5")
    assert not (tmp_path / "a.h5").exists()


def test_more_jobs_than_classes_are_told(shards, tmp_path):
    with pytest.raises(StrataError, match=r"config key features\.jobs must be at most the number of classes \(10\)"):
        written(shards, tmp_path / "a.h5", jobs=11)
