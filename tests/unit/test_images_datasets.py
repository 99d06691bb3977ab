"""Datasets of torchvision."""

import numpy as np
import pytest

from strata import store
from strata.errors import StrataError
from strata.images import datasets
from strata.images.decode import write_shard
from strata.images.index import index
from strata.images.sources import Given


@pytest.fixture
def mnist(tmp_path):
    """MNIST's files, with 12 training and 4 test images of two classes."""
    raw = tmp_path / "MNIST/raw"
    raw.mkdir(parents=True)
    for name, count in (("train", 12), ("t10k", 4)):
        pixels = np.arange(count, dtype=np.uint8)[:, None, None].repeat(28, 1).repeat(28, 2)
        images = bytes([0, 0, 8, 3]) + np.array([count, 28, 28], ">i4").tobytes() + pixels.tobytes()
        labels = bytes([0, 0, 8, 1]) + np.array([count], ">i4").tobytes() + bytes(i % 2 for i in range(count))
        (raw / f"{name}-images-idx3-ubyte").write_bytes(images)
        (raw / f"{name}-labels-idx1-ubyte").write_bytes(labels)
    return str(tmp_path)


def test_a_dataset_of_torchvision_keeps_its_split(mnist, tmp_path):
    given = Given("torchvision:MNIST", mnist)
    images = index(given, 0.2, shards=2, seed=0)
    assert images["split"].value_counts().to_dict() == {"train": 12, "test": 4}
    assert sorted(images["class"].unique()) == ["0 - zero", "1 - one"]
    own = images[images["shard"] == 0]
    write_shard(own, ["0 - zero", "1 - one"], given=given, size=28, output=tmp_path / "a.h5")
    shard, _ = store.read(tmp_path / "a.h5")
    numbers = own["image"].str.split("-").str[1].astype(int)
    np.testing.assert_array_equal(shard["images"][:, 0, 0, 0], numbers)  # an image has its number's brightness
    np.testing.assert_array_equal(shard["train"], own["split"] == "train")


@pytest.mark.parametrize(
    ("name", "said"),
    [("Nothing", "has no dataset 'Nothing'"), ("FakeData", "has no dataset 'FakeData'"), ("CIFAR10", "does not hold")],
)
def test_a_dataset_that_is_not_there_is_told(tmp_path, name, said):
    with pytest.raises(StrataError, match=said) as error:
        datasets.listed(Given(f"torchvision:{name}", str(tmp_path)))
    assert str(error.value).startswith("config key data.")
    assert "\n" not in str(error.value)
