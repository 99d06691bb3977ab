import gzip
import io
import tarfile

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torchvision.io import write_jpeg, write_png

from strata import data, store
from strata.errors import StrataError

pytestmark = pytest.mark.filterwarnings("ignore:The image decoding and encoding:DeprecationWarning")


def picture(seed, height=20, width=30, channels=3):
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (channels, height, width), dtype=torch.uint8, generator=rng)


@pytest.fixture
def folder(tmp_path):
    """Two classes of four images of several formats and shapes, and files that are no images."""
    root = tmp_path / "photos"
    for label, name in enumerate(("cat", "dog")):
        (root / name).mkdir(parents=True)
        write_png(picture(label), str(root / name / "a.png"))
        write_jpeg(picture(label, 31, 17), str(root / name / "b.JPG"))
        write_png(picture(label, 8, 8, channels=1), str(root / name / "grey.png"))
        write_jpeg(picture(label, 16, 16), str(root / name / "d.jpeg"))
        (root / name / "notes.txt").write_text("not an image")
    (root / "README").write_text("not a class")
    return root


def index_of(folder, **changes):
    arguments = {"source": "folder", "path": str(folder), "test_fraction": 0.25, "shards": 1, "seed": 0}
    return data.index(**arguments | changes)


def written(images, folder, size=16, on_bad_image="fail"):
    output = folder.parent / "out" / "shard-000.h5"
    classes = sorted(set(images["class"]))
    skipped = data.write_shard(images, classes, "folder", str(folder), size, on_bad_image, output)
    return store.read(output, kind="images"), skipped


@pytest.mark.parametrize("shards", [1, 7])
def test_digits_are_split_and_dealt_in_equal_shares_of_every_class(shards):
    images = data.index("digits", None, test_fraction=0.2, shards=shards, seed=0)
    assert len(images) == images["image"].nunique() == 1797
    per_class = images.groupby("class")["split"].value_counts().unstack()
    assert ((per_class["test"] - 0.2 * per_class.sum(axis=1)).abs() <= 0.5).all()
    dealt = images.groupby(["class", "split", "shard"]).size().unstack()
    assert dealt.shape == (20, shards)
    assert (dealt.max(axis=1) - dealt.min(axis=1) <= 1).all()
    assert list(images["shard"]) == sorted(images["shard"])


def test_the_seed_alone_decides_the_split():
    first, again, other = (data.index("digits", None, 0.2, 3, seed) for seed in (4, 4, 5))
    pd.testing.assert_frame_equal(first, again)
    assert set(first["image"]) == set(other["image"])
    tests = [set(t.loc[t["split"] == "test", "image"]) for t in (first, other)]
    assert tests[0] != tests[1]


def test_ids_and_labels_do_not_depend_on_the_split():
    first, other = (
        data.index("digits", None, fraction, shards, seed).set_index("image").sort_index()
        for fraction, shards, seed in ((0.2, 1, 0), (0.5, 4, 9))
    )
    assert first["label"].equals(other["label"])


def test_digits_are_decoded_as_they_are_only_larger(tmp_path):
    images = data.index("digits", None, 0.2, 40, seed=0)
    mine = images[images["shard"] == 39]
    classes = [str(i) for i in range(10)]
    skipped = data.write_shard(mine, classes, "digits", None, 8, "fail", tmp_path / "a.h5")
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


def test_a_folder_is_listed_by_its_class_folders(folder):
    images = index_of(folder)
    assert set(images["image"]) == {
        f"{c}/{f}" for c in ("cat", "dog") for f in ("a.png", "b.JPG", "grey.png", "d.jpeg")
    }
    assert dict(zip(images["class"], images["label"], strict=True)) == {"cat": 0, "dog": 1}
    assert (images.groupby(["class", "split"]).size().unstack()[["test", "train"]] == [1, 3]).all(axis=None)


@pytest.mark.parametrize(("fraction", "tests"), [(0.01, 1), (0.5, 2), (0.99, 3)])
def test_every_class_keeps_an_image_to_train_and_one_to_test(folder, fraction, tests):
    images = index_of(folder, test_fraction=fraction)
    assert (images[images["split"] == "test"].groupby("class").size() == tests).all()


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


def remove_all(folder):
    for file in sorted(folder.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()


def empty_a_class(folder):
    for file in (folder / "dog").iterdir():
        file.unlink()


def leave_one(folder):
    for file in (folder / "dog").iterdir():
        if file.name != "a.png":
            file.unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: folder.rename(folder.with_name("moved")), r"data\.path: .*photos is not a directory"),
        (lambda folder: (remove_all(folder), folder.rmdir(), folder.write_text("")), "is not a directory"),
        (remove_all, r"data\.path: .*photos has no class sub-folders"),
        (empty_a_class, r"photos/dog: no image files \(\.jpg, "),
        (leave_one, "class 'dog' has 1 image; a class needs at least 2"),
    ],
    ids=["missing", "a file", "no classes", "an empty class", "one image"],
)
def test_a_folder_that_cannot_be_used_is_told_in_one_line(folder, spoil, message):
    spoil(folder)
    with pytest.raises(StrataError, match=message) as error:
        index_of(folder)
    assert "\n" not in str(error.value)


def test_more_shards_than_images_are_told(folder):
    assert index_of(folder, shards=8)["shard"].tolist() == list(range(8))
    with pytest.raises(StrataError, match=r"data\.shards must be at most the number of images \(8\)"):
        index_of(folder, shards=9)


def test_superclasses_are_read_in_the_order_of_the_classes(tmp_path):
    (tmp_path / "s.csv").write_text("class,superclass\n7,odd\nnull,even\n1,odd\n")
    table = data.superclasses(tmp_path / "s.csv", ["1", "7", "null"])
    assert table.to_numpy().tolist() == [["1", "odd"], ["7", "odd"], ["null", "even"]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class,superclass\na,x\n", "lacks 'b'"),
        ("class,superclass\na,x\nb,x\nc,y\n", "no class of the images: 'c'"),
        ("class,superclass\na,x\nb,x\na,y\n", "names twice 'a'"),
        ("class,superclass\na,x\nb,\n", "no super-class to 'b'"),
        ("class,super\na,x\nb,x\n", "must have the columns class,superclass; found class,super"),
        ("", "cannot be read as CSV"),
        ('class,superclass\na,b,c,d\n"', "cannot be read as CSV"),
    ],
)
def test_superclasses_that_do_not_fit_the_classes_are_told_in_one_line(tmp_path, text, said):
    path = tmp_path / "s.csv"
    path.write_text(text)
    with pytest.raises(StrataError) as error:
        data.superclasses(path, ["a", "b"])
    line = str(error.value)
    assert line.startswith(f"config key data.superclasses: {path} ")
    assert said in line
    assert "\n" not in line


def smooth(height=20, width=24):
    """Return an image whose colours change smoothly, so that lossy files come near it."""
    rows, columns = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([10 * rows, 9 * columns, 5 * (rows + columns)], axis=2).astype(np.uint8))


def decoded(name, root, size, resize):
    """Decode one file through a shard."""
    rows = pd.DataFrame({"image": [name], "label": [0], "split": ["train"]})
    data.write_shard(rows, ["a"], "folder", str(root), size, "fail", root / "decoded.h5", resize=resize)
    return store.read(root / "decoded.h5")[0]["images"][0]


def turned(image, path):
    exif = image.getexif()
    exif[0x0112] = 6  # shown turned clockwise by a quarter
    image.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95)


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


@pytest.fixture
def flat(tmp_path):
    """A folder of images without sub-folders, and a file that tells their classes."""
    (tmp_path / "flat").mkdir()
    rows = [(f"{i}.png", "cat" if i % 2 else "dog") for i in range(6)]
    for name, _ in rows:
        smooth().save(tmp_path / "flat" / name)
    return tmp_path / "flat", tmp_path / "labels.csv", rows


def write_labels(path, rows, header="image,class"):
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")


def test_a_file_may_tell_the_classes_of_a_flat_folder(flat):
    folder, labels, rows = flat
    write_labels(labels, rows)
    images = data.index("folder", str(folder), 0.4, 1, 0, labels=str(labels))
    assert dict(zip(images["image"], images["class"], strict=True)) == dict(rows)
    assert dict(zip(images["class"], images["label"], strict=True)) == {"cat": 0, "dog": 1}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[1:], "misses images of"),
        (lambda rows: [*rows, ("7.png", "cat")], "names what is no image of"),
        (lambda rows: [*rows, rows[0]], "names twice 0.png"),
    ],
)
def test_labels_that_do_not_match_the_images_are_told(flat, change, said):
    folder, labels, rows = flat
    write_labels(labels, change(rows))
    with pytest.raises(StrataError, match=r"config key data\.labels") as error:
        data.listed("folder", str(folder), str(labels))
    assert said in str(error.value)
    write_labels(labels, rows, "file,class")
    with pytest.raises(StrataError, match="must have the columns image,class"):
        data.listed("folder", str(folder), str(labels))


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
    images = data.index("torchvision:MNIST", mnist, 0.2, 2, 0)
    assert images["split"].value_counts().to_dict() == {"train": 12, "test": 4}
    assert sorted(images["class"].unique()) == ["0 - zero", "1 - one"]
    own = images[images["shard"] == 0]
    data.write_shard(own, ["0 - zero", "1 - one"], "torchvision:MNIST", mnist, 28, "fail", tmp_path / "a.h5")
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
        data.listed(f"torchvision:{name}", str(tmp_path))
    assert str(error.value).startswith("config key data.")
    assert "\n" not in str(error.value)


def pack(path, members):
    """Write a tar file of members, given by name; of two with the same name too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))


def encoded(image=None, kind="png"):
    buffer = io.BytesIO()
    (image or smooth()).save(buffer, kind)
    return buffer.getvalue()


def samples(names, classes):
    return [
        member
        for name, of in zip(names, classes, strict=True)
        for member in ((f"{name}.png", encoded()), (f"{name}.cls", of))
    ]


LONG = "a-folder-of-photographs/" * 8  # beyond what a plain header holds


@pytest.fixture
def packed(tmp_path):
    """Two tar files of eight images of three classes."""
    pack(tmp_path / "tars" / "b.tar", samples("4567", [b"9", b"10", b" 2\n", b"2"]))
    pack(tmp_path / "tars" / "a.tar", samples([f"{LONG}0", "./1", "2", "3"], [b"9", b"9", b"10", b"10"]))
    return tmp_path / "tars"


def test_tar_files_are_listed_by_their_samples_and_integers_are_sorted_as_such(packed):
    images = data.index("tar", str(packed), 0.4, 2, 0)
    assert set(images["image"]) == {
        *(f"a.tar/{name}.png" for name in (f"{LONG}0", "./1", "2", "3")),
        *(f"b.tar/{name}.png" for name in "4567"),
    }
    assert dict(zip(images["class"], images["label"], strict=True)) == {"2": 0, "9": 1, "10": 2}


def test_what_is_no_sample_of_a_tar_file_is_ignored(packed):
    extra = [("7.json", b"{}"), ("7.seg.png", encoded()), ("._7.png", b""), ("README", b""), ("8.txt", b"")]
    pack(packed / "c.tar", [*samples("89", [b"cat", b"2"]), *extra])
    (packed / "c.tar.idx").write_text("")
    images = data.listed("tar", str(packed))
    assert len(images) == 10
    assert sorted(images["class"].unique()) == ["10", "2", "9", "cat"]
    assert images.set_index("class")["label"].to_dict() == {"10": 0, "2": 1, "9": 2, "cat": 3}  # as names are


def test_a_tar_file_gives_the_same_pixels_as_the_files_in_it(tmp_path):
    root, image = tmp_path / "photos" / "all", smooth(20, 24)
    root.mkdir(parents=True)
    image.save(root / "plain.png")
    image.save(root / "upper.JPG", "jpeg")
    image.convert("L").save(root / "grey.png")
    image.convert("CMYK").save(root / "cmyk.jpeg")
    image.quantize(256).save(root / "palette.png")
    image.convert("RGBA").save(root / "alpha.webp")
    turned(image, root / "exif.jpg")
    Image.fromarray(np.arange(480, dtype=np.uint16).reshape(20, 24) * 136).save(root / "deep.png")
    image.save(root / "moves.gif", save_all=True, append_images=[Image.new("RGB", image.size, "blue")])
    files = sorted(root.iterdir())
    for i in range(2):
        members = [(file.name, file.read_bytes()) for file in files[i::2]]
        pack(tmp_path / "tars" / f"{i}.tar", [*members, *((f"{file.stem}.cls", b"all") for file in files[i::2])])

    pixels = {}
    for source, path in (("folder", root.parent), ("tar", tmp_path / "tars")):
        images = data.index(source, str(path), 0.4, 1, 0)
        data.write_shard(images, ["all"], source, str(path), 16, "fail", tmp_path / "a.h5", resize=18)
        shard, _ = store.read(tmp_path / "a.h5", kind="images")
        pixels[source] = {
            name.decode().split("/")[1]: image for name, image in zip(shard["ids"], shard["images"], strict=True)
        }
    assert pixels["tar"].keys() == pixels["folder"].keys() == {file.name for file in files}
    for name, expected in pixels["folder"].items():
        np.testing.assert_array_equal(pixels["tar"][name], expected, err_msg=name)


@pytest.mark.parametrize("content", [b"no image", b"", encoded()[:70]], ids=["text", "empty", "cut"])
def test_an_unreadable_image_in_a_tar_file_is_named_or_skipped(packed, content):
    pack(packed / "c.tar", [("8.png", content), ("8.cls", b"9")])
    images = data.index("tar", str(packed), 0.4, 1, 0)
    arguments = (images, ["2", "9", "10"], "tar", str(packed), 16)
    with pytest.raises(StrataError, match=r"tars/c\.tar/8\.png cannot be read as an image .*data\.on_bad_image: skip"):
        data.write_shard(*arguments, "fail", packed / "a.h5")
    skipped = data.write_shard(*arguments, "skip", packed / "a.h5")
    assert list(skipped["image"]) == ["c.tar/8.png"]
    assert len(store.read(packed / "a.h5")[0]["images"]) == 8


def shorten(path, size):
    path.write_bytes(path.read_bytes()[:size])


def damage(path, offset):
    content = bytearray(path.read_bytes())
    content[offset] ^= 255
    path.write_bytes(content)


def header_of(path, name):
    with tarfile.open(path) as archive:
        return archive.getmember(name).offset


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: root.rename(root.with_name("moved")), r"config key data\.path: .*tars is not a directory"),
        (lambda root: [f.unlink() for f in root.iterdir()], r"config key data\.path: .*tars has no tar files"),
        (lambda root: pack(root / "c.tar", []), r"c\.tar: no sample, which is an image \(\.jpg, .*\) and a \.cls"),
        (lambda root: pack(root / "c.tar", [("8.png", b"")]), r"c\.tar: sample 8 must have one \.cls; found none"),
        (
            lambda root: pack(root / "c.tar", [("x/8.cls", b"9")]),
            r"c\.tar: sample x/8 must have one image \(\.jpg, .*\); found none",
        ),
        (
            lambda root: pack(root / "c.tar", [*samples("8", [b"9"]), ("8.jpg", b"")]),
            r"c\.tar: sample 8 must have one image \(\.jpg, .*\); found 8\.png, 8\.jpg",
        ),
        (
            lambda root: pack(root / "c.tar", samples("88", [b"9", b"9"])),
            "sample 8 must have one image .* 8.png, 8.png",
        ),
        (lambda root: pack(root / "c.tar", samples("8", [b""])), r"c\.tar/8\.cls must hold the class, one line"),
        (lambda root: pack(root / "c.tar", samples("8", [b"9\n2"])), r"c\.tar/8\.cls must hold the class, one line"),
        (
            lambda root: pack(root / "c.tar", samples("8", [b"\xff\xfe"])),
            r"c\.tar/8\.cls must hold the class, one line",
        ),
        (lambda root: (root / "b.tar").write_bytes(b""), r"b\.tar cannot be read as a tar file.*empty file"),
        (lambda root: (root / "c.tar").write_text("text" * 999), r"c\.tar cannot be read as a tar file"),
        (lambda root: (root / "c.tar").mkdir(), r"c\.tar cannot be read as a tar file"),
        (lambda root: (root / "c.tar").symlink_to("nowhere"), r"c\.tar cannot be read as a tar file"),
        (lambda root: shorten(root / "b.tar", 700), r"b\.tar cannot be read.*unexpected end of data"),
        (lambda root: shorten(root / "b.tar", header_of(root / "b.tar", "6.png")), r"b\.tar cannot be read.*cut off"),
        (
            lambda root: shorten(root / "b.tar", header_of(root / "b.tar", "6.png") + 9),
            r"b\.tar cannot be read.*cut off",
        ),
        (lambda root: damage(root / "b.tar", header_of(root / "b.tar", "6.png")), r"b\.tar cannot be read.*damaged"),
        (
            lambda root: (root / "c.tar.gz").write_bytes(gzip.compress((root / "a.tar").read_bytes())),
            r"c\.tar\.gz cannot be read as a tar file, which must be whole and not compressed",
        ),
        (
            lambda root: (root / "a.tar").write_bytes(gzip.compress((root / "a.tar").read_bytes())),
            r"a\.tar cannot be read as a tar file, which must be whole and not compressed",
        ),
    ],
)
def test_tar_files_that_cannot_be_used_are_told_in_one_line(packed, spoil, message):
    spoil(packed)
    with pytest.raises(StrataError, match=message) as error:
        data.index("tar", str(packed), 0.4, 1, 0)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda tar: tar.unlink(),
        lambda tar: shorten(tar, 700),
        lambda tar: pack(tar, samples("7456", [b"2"] * 4)),
        lambda tar: pack(tar, samples("45", [b"2"] * 2)),
        lambda tar: pack(tar, [("0.txt", bytes(300)), *samples("4567", [b"2"] * 4)]),
    ],
    ids=["gone", "cut", "other order", "fewer", "moved"],
)
def test_a_tar_file_that_changed_since_it_was_listed_is_told_and_never_read_amiss(packed, tmp_path, change):
    images = data.index("tar", str(packed), 0.4, 1, 0)
    change(packed / "b.tar")
    with pytest.raises(StrataError, match=r"tars/b\.tar/\d\.png is not where it was .*list them again") as error:
        data.write_shard(images, ["2", "9", "10"], "tar", str(packed), 16, "skip", tmp_path / "a.h5")
    assert "\n" not in str(error.value)
