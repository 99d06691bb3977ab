"""Tar files named as webdataset does."""

import gzip
import io
import tarfile

import numpy as np
import pytest
from pictures import smooth, turned
from PIL import Image

from strata import store
from strata.errors import StrataError
from strata.images import tars
from strata.images.decode import write_shard
from strata.images.index import index
from strata.images.sources import Given

pytestmark = pytest.mark.filterwarnings("ignore:The image decoding and encoding:DeprecationWarning")


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
    images = index(Given("tar", str(packed)), 0.4, shards=2, seed=0)
    assert set(images["image"]) == {
        *(f"a.tar/{name}.png" for name in (f"{LONG}0", "./1", "2", "3")),
        *(f"b.tar/{name}.png" for name in "4567"),
    }
    assert dict(zip(images["class"], images["label"], strict=True)) == {"2": 0, "9": 1, "10": 2}


def test_what_is_no_sample_of_a_tar_file_is_ignored(packed):
    extra = [("7.json", b"{}"), ("7.seg.png", encoded()), ("._7.png", b""), ("README", b""), ("8.txt", b"")]
    pack(packed / "c.tar", [*samples("89", [b"cat", b"2"]), *extra])
    (packed / "c.tar.idx").write_text("")
    images = tars.listed(Given("tar", str(packed)))
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
        given = Given(source, str(path))
        images = index(given, 0.4)
        write_shard(images, ["all"], given=given, size=16, resize=18, output=tmp_path / "a.h5")
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
    images = index(Given("tar", str(packed)), 0.4)
    given, output = Given("tar", str(packed)), packed / "a.h5"
    with pytest.raises(StrataError, match=r"tars/c\.tar/8\.png cannot be read as an image .*data\.on_bad_image: skip"):
        write_shard(images, ["2", "9", "10"], given=given, size=16, output=output)
    skipped = write_shard(images, ["2", "9", "10"], given=given, size=16, on_bad_image="skip", output=output)
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
        index(Given("tar", str(packed)), 0.4)
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
    given = Given("tar", str(packed))
    images = index(given, 0.4)
    change(packed / "b.tar")
    with pytest.raises(StrataError, match=r"tars/b\.tar/\d\.png is not where it was .*list them again") as error:
        write_shard(images, ["2", "9", "10"], given=given, size=16, on_bad_image="skip", output=tmp_path / "a.h5")
    assert "\n" not in str(error.value)
