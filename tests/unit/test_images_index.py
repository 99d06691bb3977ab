"""The index: images of all kinds are split and dealt in one way."""

import os

import pandas as pd
import pytest
from pictures import index_of

from strata import tables
from strata.errors import StrataError
from strata.images.index import index
from strata.images.sources import Given

pytestmark = pytest.mark.filterwarnings("ignore:The image decoding and encoding:DeprecationWarning")


@pytest.mark.parametrize("shards", [1, 7])
def test_digits_are_split_and_dealt_in_equal_shares_of_every_class(shards):
    images = index(Given("digits"), 0.2, shards=shards, seed=0)
    assert len(images) == images["image"].nunique() == 1797
    per_class = images.groupby("class")["split"].value_counts().unstack()
    assert ((per_class["test"] - 0.2 * per_class.sum(axis=1)).abs() <= 0.5).all()
    dealt = images.groupby(["class", "split", "shard"]).size().unstack()
    assert dealt.shape == (20, shards)
    assert (dealt.max(axis=1) - dealt.min(axis=1) <= 1).all()
    assert list(images["shard"]) == sorted(images["shard"])


def test_the_seed_alone_decides_the_split():
    first, again, other = (index(Given("digits"), 0.2, shards=3, seed=seed) for seed in (4, 4, 5))
    pd.testing.assert_frame_equal(first, again)
    assert set(first["image"]) == set(other["image"])
    tests = [set(t.loc[t["split"] == "test", "image"]) for t in (first, other)]
    assert tests[0] != tests[1]


def test_ids_and_labels_do_not_depend_on_the_split():
    first, other = (
        index(Given("digits"), fraction, shards=shards, seed=seed).set_index("image").sort_index()
        for fraction, shards, seed in ((0.2, 1, 0), (0.5, 4, 9))
    )
    assert first["label"].equals(other["label"])


@pytest.mark.parametrize(("fraction", "tests"), [(0.01, 1), (0.5, 2), (0.99, 3)])
def test_every_class_keeps_an_image_to_train_and_one_to_test(folder, fraction, tests):
    images = index_of(folder, test_fraction=fraction)
    assert (images[images["split"] == "test"].groupby("class").size() == tests).all()


ODD = ["-f", " a, b ", 'it\'s "x"', "two\nlines\r\t", "<script>", "{x}", "$x_^", "猫", "NA", "#1"]


def test_classes_may_be_called_anything(tmp_path):
    for name in ODD:
        for i in range(2):
            path = tmp_path / "photos" / name / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    images = index_of(tmp_path / "photos", shards=1)
    assert list(images.drop_duplicates("label").sort_values("label")["class"]) == sorted(ODD)
    tables.write(tmp_path / "index.csv", images)
    pd.testing.assert_frame_equal(tables.read(tmp_path / "index.csv"), images)


def test_a_name_that_is_no_text_is_told_in_one_line(folder):
    os.rename(folder / "cat", os.fsencode(folder) + b"/caf\xe9")
    with pytest.raises(StrataError, match=r"the image 'caf\\udce9/a.png' is no UTF-8 text"):
        index_of(folder)


def test_more_shards_than_images_are_told(folder):
    assert index_of(folder, shards=8)["shard"].tolist() == list(range(8))
    with pytest.raises(StrataError, match=r"data\.shards must be at most the number of images \(8\)"):
        index_of(folder, shards=9)
