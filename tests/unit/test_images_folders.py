"""Folders: image files by class sub-folders, or with a file that tells their classes."""

import pytest
from pictures import index_of, smooth

from strata.errors import StrataError
from strata.images import folders
from strata.images.index import index
from strata.images.sources import Given

pytestmark = pytest.mark.filterwarnings("ignore:The image decoding and encoding:DeprecationWarning")


def test_a_folder_is_listed_by_its_class_folders(folder):
    images = index_of(folder)
    assert set(images["image"]) == {
        f"{c}/{f}" for c in ("cat", "dog") for f in ("a.png", "b.JPG", "grey.png", "d.jpeg")
    }
    assert dict(zip(images["class"], images["label"], strict=True)) == {"cat": 0, "dog": 1}
    assert (images.groupby(["class", "split"]).size().unstack()[["test", "train"]] == [1, 3]).all(axis=None)


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
    images = index(Given("folder", str(folder), labels=str(labels)), 0.4)
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
        folders.listed(Given("folder", str(folder), labels=str(labels)))
    assert said in str(error.value)
    write_labels(labels, rows, "file,class")
    with pytest.raises(StrataError, match="must have the columns image,class"):
        folders.listed(Given("folder", str(folder), labels=str(labels)))
