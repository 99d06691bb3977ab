"""Decoding: what a shard holds of images of every kind, and of those that cannot be read."""

import numpy as np
import pandas as pd
import pytest
import torch
from pictures import index_of, picture, smooth, turned
from PIL import Image
from sklearn.datasets import load_digits
from torchvision.io import write_png

from strata import store
from strata.errors import StrataError
from strata.images.decode import write_shard
from strata.images.index import index
from strata.images.sources import Given

pytestmark = pytest.mark.filterwarnings("ignore:The image decoding and encoding:DeprecationWarning")


def written(images, folder, size=16, on_bad_image="fail"):
    output = folder.parent / "out" / "shard-000.h5"
    classes, given = sorted(set(images["class"])), Given("folder", str(folder))
    skipped = write_shard(images, classes, given=given, size=size, on_bad_image=on_bad_image, output=output)
    return store.read(output, kind="images"), skipped


def test_digits_are_decoded_as_they_are_only_larger(tmp_path):
    images = index(Given("digits"), 0.2, shards=40, seed=0)
    mine = images[images["shard"] == 39]
    classes = [str(i) for i in range(10)]
    skipped = write_shard(mine, classes, given=Given("digits"), size=8, output=tmp_path / "a.h5")
    arrays, about = store.read(tmp_path / "a.h5", kind="images", size=8, classes=classes)
    wanted = [int(name.removeprefix("digits-")) for name in mine["image"]]
    assert arrays["images"].shape == (len(mine), 3, 8, 8)
    assert arrays["images"].dtype == np.uint8
    for channel in range(3):
        exact = load_digits().images[wanted] * 255 / 16
        assert np.abs(arrays["images"][:, channel] - exact).max() <= 0.5
    assert (arrays["labels"] == load_digits().target[wanted]).all()
    assert [name.decode() for name in arrays["ids"]] == list(mine["image"])
    assert (arrays["train"] == (mine["split"] == "train")).all()
    assert about["images"] == store.digest(mine["image"])
    assert skipped.empty


@pytest.mark.parametrize("size", [8, 16, 40])
def test_images_of_all_shapes_become_uint8_squares(folder, size):
    images = index_of(folder)
    (arrays, _), skipped = written(images, folder, size)
    assert arrays["images"].shape == (8, 3, size, size)
    assert arrays["images"].dtype == np.uint8
    assert skipped.empty
    grey = arrays["images"][list(images["image"]).index("cat/grey.png")]
    assert (grey[0] == grey[1]).all()
    assert (grey[0] == grey[2]).all()


def test_the_short_side_is_resized_and_the_middle_is_kept(folder):
    (folder / "cat" / "stripe.png").unlink(missing_ok=True)
    stripe = torch.zeros(3, 16, 48, dtype=torch.uint8)
    stripe[:, :, 16:32] = 255
    write_png(stripe, str(folder / "cat" / "stripe.png"))
    images = index_of(folder)
    (arrays, _), _ = written(images, folder, 16)
    assert (arrays["images"][list(images["image"]).index("cat/stripe.png")] == 255).all()


def test_a_lossless_image_of_the_right_size_is_stored_as_it_is(folder):
    exact = picture(7, 16, 16)
    write_png(exact, str(folder / "dog" / "exact.png"))
    images = index_of(folder)
    (arrays, _), _ = written(images, folder, 16)
    assert (arrays["images"][list(images["image"]).index("dog/exact.png")] == exact.numpy()).all()


@pytest.mark.parametrize(
    "extra",
    [
        lambda path: Image.fromarray(np.full((16, 16), 40_000, np.uint16)).save(path.with_suffix(".png")),
        lambda path: Image.new("RGBA", (16, 16), (200, 10, 10, 128)).save(path.with_suffix(".png")),
        lambda path: Image.new("P", (16, 16)).save(path.with_suffix(".png")),
        lambda path: Image.new("RGB", (16, 16)).save(path.with_suffix(".webp")),
        lambda path: Image.new("CMYK", (16, 16)).save(path.with_suffix(".jpg")),
        lambda path: Image.new("P", (16, 16)).save(path.with_suffix(".gif")),
        lambda path: Image.new("RGB", (16, 16), "red").save(
            path.with_suffix(".gif"), save_all=True, append_images=[Image.new("RGB", (16, 16), "blue")]
        ),
    ],
    ids=["16 bits", "alpha", "palette", "webp", "cmyk", "gif", "animated gif"],
)
def test_unusual_images_are_stored_as_uint8_or_named_as_unreadable(folder, extra):
    extra(folder / "cat" / "unusual")
    images = index_of(folder)
    (arrays, _), skipped = written(images, folder, 16, "skip")
    assert arrays["images"].dtype == np.uint8
    assert arrays["images"].shape[1:] == (3, 16, 16)
    assert len(arrays["images"]) + len(skipped) == 9
    assert all("unusual" in name for name in skipped["image"])


BAD = {
    "text": lambda path: path.write_text("no image"),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes((path.parent / "a.png").read_bytes()[:500]),
    "gone": lambda path: path.symlink_to("nowhere"),
    "directory": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
def test_an_unreadable_image_is_named_and_nothing_is_written(folder, make):
    make(folder / "dog" / "bad.png")
    with pytest.raises(StrataError, match=r"dog/bad\.png cannot be read as an image") as error:
        written(index_of(folder), folder)
    assert "data.on_bad_image: skip" in str(error.value)
    assert "\n" not in str(error.value)
    assert not (folder.parent / "out").exists()


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
def test_an_unreadable_image_is_skipped_and_listed_when_asked(folder, make, capsys):
    make(folder / "dog" / "bad.png")
    images = index_of(folder)
    (arrays, about), skipped = written(images, folder, on_bad_image="skip")
    assert list(skipped["image"]) == ["dog/bad.png"]
    assert "cannot be read" in skipped["why"][0]
    assert "skipped: " in capsys.readouterr().err
    kept = images[images["image"] != "dog/bad.png"]
    assert [name.decode() for name in arrays["ids"]] == list(kept["image"])
    assert (arrays["labels"] == kept["label"]).all()
    assert about["images"] == store.digest(kept["image"])


def test_a_shard_without_any_readable_image_is_told(folder):
    images = index_of(folder)
    for name in images["image"]:
        (folder / name).write_text("no image")
    with pytest.raises(StrataError, match="none of its 8 images could be decoded") as error:
        written(images, folder, on_bad_image="skip")
    assert "shard-000.h5" in str(error.value)
    assert not (folder.parent / "out").exists()


def decoded(name, root, size, resize):
    """Decode one file through a shard."""
    rows = pd.DataFrame({"image": [name], "label": [0], "split": ["train"]})
    given = Given("folder", str(root))
    write_shard(rows, ["a"], given=given, size=size, resize=resize, output=root / "decoded.h5")
    return store.read(root / "decoded.h5")[0]["images"][0]


@pytest.mark.parametrize(
    ("name", "save", "tolerance"),
    [
        ("a.png", lambda image, path: image.save(path), 0),
        ("a.jpg", lambda image, path: image.save(path, quality=95), 4),
        ("a.webp", lambda image, path: image.save(path, quality=95), 6),
        ("cmyk.jpg", lambda image, path: image.convert("CMYK").save(path, quality=95), 8),
        ("exif.jpg", turned, 4),
        ("alpha.png", lambda image, path: image.convert("RGBA").save(path), 0),
        ("palette.png", lambda image, path: image.quantize(256).save(path), 12),
    ],
)
def test_files_of_all_kinds_are_decoded_to_the_same_colours(tmp_path, name, save, tolerance):
    image = smooth(20, 20)
    save(image, tmp_path / name)
    found = decoded(name, tmp_path, 20, 20)
    assert found.dtype == np.uint8
    expected = np.asarray(image).transpose(2, 0, 1).astype(int)
    assert np.abs(found.astype(int) - expected).mean() <= tolerance


def test_a_grey_file_of_16_bits_keeps_its_brightness(tmp_path):
    Image.fromarray(np.full((20, 20), 40_000, np.uint16)).save(tmp_path / "grey.png")
    found = decoded("grey.png", tmp_path, 20, 20)
    assert np.unique(found).tolist() == [round(40_000 / 65_535 * 255)]


def test_a_larger_resize_cuts_out_the_middle(tmp_path):
    smooth(40, 60).save(tmp_path / "a.png")
    whole = decoded("a.png", tmp_path, 40, 40)
    middle = decoded("a.png", tmp_path, 20, 40)
    np.testing.assert_array_equal(middle, whole[:, 10:30, 10:30])
