"""Images: listed, split and dealt into shards once, decoded once, as uint8.

Splits are stratified and seeded. Images are dealt in turn, class by class, so that every shard is a stratified sample
of all images and the first shards of many are a fair sample of the whole.
"""

import inspect
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits
from torchvision import datasets
from torchvision.io import ImageReadMode, decode_image, read_file
from torchvision.transforms.v2 import functional as transforms

from strata import shapes as made
from strata import store, tars
from strata.errors import StrataError
from strata.progress import progress

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif")


def index(
    source: str,
    path: str | None,
    test_fraction: float,
    shards: int,
    seed: int,
    shapes: dict[str, Any] | None = None,
    labels: str | None = None,
) -> pd.DataFrame:
    """List all images of a source.

    Parameters
    ----------
    test_fraction
        Share of every class that is kept out of training; a dataset of torchvision has a split of its own.
    shapes
        What images are made from where the source is `shapes` (see `strata.shapes.listed`).
    labels
        CSV file with the columns image and class, for a folder without class sub-folders.

    Returns
    -------
    DataFrame
        One row an image, in the order in which shards hold them: `image` (stable id; a relative path for files),
        `class`, `label`, `split` (train or test), `shard`; in tar files, the `offset` of its member.

    Raises
    ------
    StrataError
        If the source does not exist or has no classes, or a class has fewer than 2 images.
    """
    images = listed(source, path, labels, shapes)
    rng = np.random.default_rng(seed)
    parts = []
    for name, rows in images.groupby("class", sort=True):
        if len(rows) < 2:
            raise StrataError(f"class {name!r} has 1 image; a class needs at least 2, one to train and one to test")
        shuffled = rows.iloc[rng.permutation(len(rows))]
        if "split" not in images:
            tests = min(len(rows) - 1, max(1, round(test_fraction * len(rows))))
            shuffled = shuffled.assign(split=["test"] * tests + ["train"] * (len(rows) - tests))
        parts.append(shuffled)
    dealt = pd.concat(parts).sort_values("split", kind="stable", ignore_index=True)
    dealt["shard"] = np.arange(len(dealt)) % shards
    if len(dealt) < shards:
        raise StrataError(f"config key data.shards must be at most the number of images ({len(dealt)})")
    return dealt.sort_values("shard", kind="stable", ignore_index=True)


def listed(
    source: str, path: str | None, labels: str | None = None, shapes: dict[str, Any] | None = None
) -> pd.DataFrame:
    """List all images of a source, unsplit but for a dataset with a split of its own (see `index`)."""
    if shapes:
        return made.listed(shapes)
    if source == "digits":
        return _list_digits()
    if source == "folder":
        return _list_labelled(Path(str(path)), Path(labels)) if labels else _list_folder(Path(str(path)))
    if source == "tar":
        return tars.listed(Path(str(path)), SUFFIXES)
    return _list_dataset(source, str(path))


def superclasses(path: str | Path, classes: Sequence[str]) -> pd.DataFrame:
    """Read which super-class every class belongs to.

    Parameters
    ----------
    path
        CSV file with the columns class and superclass, a row a class.
    classes
        The classes that there are.

    Returns
    -------
    DataFrame
        class, superclass, in the order of `classes`.

    Raises
    ------
    StrataError
        If the file is no such table, lacks a class, names one twice or one that there is not.
    """
    key = f"config key data.superclasses: {path}"
    table = _read_table(path, ["class", "superclass"], key)
    listed = table["class"]
    for wrong, what in (
        ([name for name in classes if name not in set(listed)], "lacks"),
        (list(listed[~listed.isin(classes)]), "names what is no class of the images:"),
        (list(listed[listed.duplicated()]), "names twice"),
        (list(listed[table["superclass"] == ""]), "gives no super-class to"),
    ):
        if wrong:
            raise StrataError(f"{key} {what} {', '.join(map(repr, wrong[:3]))}{' …' if len(wrong) > 3 else ''}")
    return table.set_index("class").loc[list(classes)].reset_index()


def write_shard(
    images: pd.DataFrame,
    classes: Sequence[str],
    source: str,
    path: str | None,
    size: int,
    on_bad_image: str,
    output: str | Path,
    shapes: dict[str, Any] | None = None,
    resize: int | None = None,
) -> pd.DataFrame:
    """Decode the images of one shard and write them.

    Images that are made here have their true factors with them: `factors`, images × factors, and the names of each
    factor's values as an attribute.

    Parameters
    ----------
    images
        Rows of `index` that belong to the shard.
    classes
        Names of all classes, by label.
    on_bad_image
        `fail` or `skip`.
    shapes
        What images are made from where the source is `shapes` (see `strata.shapes.listed`).
    resize
        Pixels to which the short side of an image is scaled before its middle is cut out; None for `size`.

    Returns
    -------
    DataFrame
        The rows that were skipped, with the reason in `why`.

    Raises
    ------
    StrataError
        Names the first image that cannot be decoded, unless it is to be skipped.
    """
    pixels, kept, skipped = [], [], []
    scaled = size if shapes else resize or size  # what is made here is made for its size
    decoder: Iterator[torch.Tensor | StrataError]
    if shapes:
        decoder = (torch.from_numpy(image) for image in made.drawn(images["image"], shapes, size))
    elif source == "digits":
        decoder = _decode_digits(images, scaled)
    elif source in ("folder", "tar"):
        decoder = _decode_files(images, Path(str(path)))
    else:
        decoder = _decode_dataset(images, source, str(path))
    for row, image in progress(enumerate(decoder), "decoding images", total=len(images)):
        if isinstance(image, StrataError):
            if on_bad_image == "fail":
                raise StrataError(f"{image}; mend it, remove it, or set data.on_bad_image: skip") from image
            print(f"skipped: {image}", file=sys.stderr)
            skipped.append({**images.iloc[row].to_dict(), "why": str(image)})
        else:
            pixels.append(_middle(image, size, scaled))
            kept.append(row)
    if not kept:
        raise StrataError(f"{output}: none of its {len(images)} images could be decoded")
    rows = images.iloc[kept]
    truth = {"factors": made.factors_in(rows["image"], shapes)} if shapes else {}
    store.write(
        output,
        {
            "images": np.stack(pixels),
            "labels": rows["label"].to_numpy(np.int32),
            "train": (rows["split"] == "train").to_numpy(),
            "ids": np.array([name.encode() for name in rows["image"]]),
            **truth,
        },
        kind="images",
        # The name of a file stands for an image; the name of one made here does so with what it is made from.
        images=store.digest([*rows["image"], *([json.dumps(shapes, sort_keys=True)] if shapes else [])]),
        classes=list(classes),
        size=size,
        **({"factors": made.VALUES} if shapes else {}),
    )
    return pd.DataFrame(skipped, columns=[*images.columns, "why"])


def _list_digits() -> pd.DataFrame:
    labels = load_digits().target
    return pd.DataFrame(
        {
            "image": [f"digits-{i:04d}" for i in range(len(labels))],
            "class": labels.astype(str),
            "label": labels,
        }
    )


def _list_folder(root: Path) -> pd.DataFrame:
    if not root.is_dir():
        raise StrataError(f"config key data.path: {root} is not a directory")
    classes = sorted(entry.name for entry in root.iterdir() if entry.is_dir())
    if not classes:
        raise StrataError(f"config key data.path: {root} has no class sub-folders")
    rows: list[dict[str, Any]] = []
    for label, name in enumerate(classes):
        files = sorted(f for f in (root / name).iterdir() if f.suffix.lower() in SUFFIXES)
        if not files:
            raise StrataError(f"{root / name}: no image files ({', '.join(SUFFIXES)})")
        rows += [{"image": f"{name}/{f.name}", "class": name, "label": label} for f in files]
    return pd.DataFrame(rows)


def _read_table(path: str | Path, columns: list[str], key: str) -> pd.DataFrame:
    """Read a CSV file of just these columns, all of them text."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise StrataError(f"{key} cannot be read as CSV ({str(error).splitlines()[0]})") from error
    if list(table) != columns:
        raise StrataError(f"{key} must have the columns {','.join(columns)}; found {','.join(map(str, table))}")
    return table


def _list_labelled(root: Path, labels: Path) -> pd.DataFrame:
    """List the images of a folder whose classes a file tells; both must name the same images."""
    key = f"config key data.labels: {labels}"
    table = _read_table(labels, ["image", "class"], key)
    if not root.is_dir():
        raise StrataError(f"config key data.path: {root} is not a directory")
    there = {str(f.relative_to(root)) for f in root.rglob("*") if f.suffix.lower() in SUFFIXES}
    listed = table["image"]
    for wrong, what in (
        (sorted(there - set(listed)), f"misses images of {root}:"),
        (sorted(set(listed) - there), f"names what is no image of {root}:"),
        (sorted(listed[listed.duplicated()]), "names twice"),
    ):
        if wrong:
            raise StrataError(f"{key} {what} {', '.join(wrong[:3])}{' …' if len(wrong) > 3 else ''}")
    return table.assign(label=table["class"].astype("category").cat.codes.astype(int))


def _list_dataset(source: str, root: str) -> pd.DataFrame:
    """List the images of a dataset of torchvision, whose own split of training and test images is kept."""
    parts = []
    for split in ("train", "test"):
        dataset = _dataset(source, root, split)
        targets = np.asarray(getattr(dataset, "targets", getattr(dataset, "labels", None)), int)
        names = getattr(dataset, "classes", None) or [str(i) for i in range(targets.max() + 1)]
        images = [f"{split}-{i:06d}" for i in range(len(targets))]
        classes = [names[label] for label in targets]
        parts.append(pd.DataFrame({"image": images, "class": classes, "label": targets, "split": split}))
    return pd.concat(parts, ignore_index=True)


def _dataset(source: str, root: str, split: str) -> Any:
    name = source.partition(":")[2]
    make = getattr(datasets, name, None)
    parameters = inspect.signature(make).parameters if make else {}
    chosen = {"train": split == "train"} if "train" in parameters else {"split": split}
    if not make or not {"root", *chosen} <= parameters.keys():
        raise StrataError(
            f"config key data.source: torchvision has no dataset {name!r} with training and test images and their "
            "classes; allowed are CIFAR10, CIFAR100, MNIST, SVHN and their like"
        )
    try:
        return make(root, **chosen)
    except Exception as error:  # whatever it makes of a folder that is not what it wants
        reason = str(error).splitlines()[0]
        raise StrataError(
            f"config key data.path: {root} does not hold torchvision's {name} ({reason}); download it there with "
            f"python -c \"import torchvision; torchvision.datasets.{name}('{root}', download=True)\""
        ) from error


def _middle(image: torch.Tensor, size: int, resize: int) -> np.ndarray:
    """Scale the short side of an image, and cut out its middle."""
    return transforms.center_crop(transforms.resize(image, [resize], antialias=True), [size, size]).numpy()


def _decode_digits(images: pd.DataFrame, size: int) -> Iterator[torch.Tensor]:
    grey = torch.from_numpy(load_digits().images).float() * (255 / 16)
    wanted = [int(name.rsplit("-", 1)[1]) for name in images["image"]]
    large = transforms.resize(grey[wanted, None], [size, size], antialias=True)
    yield from large.round().clamp(0, 255).to(torch.uint8).expand(-1, 3, -1, -1)


def _decode_dataset(images: pd.DataFrame, source: str, root: str) -> Iterator[torch.Tensor]:
    parts = {split: _dataset(source, root, split) for split in ("train", "test")}
    for name in images["image"]:
        split, number = name.split("-")
        yield transforms.pil_to_tensor(parts[split][int(number)][0].convert("RGB"))


def _decode_files(images: pd.DataFrame, root: Path) -> Iterator[torch.Tensor | StrataError]:
    offsets = images["offset"] if "offset" in images else [None] * len(images)
    for name, offset in zip(images["image"], offsets, strict=True):
        try:
            encoded = _read(root, name, offset)
            image = decode_image(encoded, mode=ImageReadMode.RGB, apply_exif_orientation=True)
            if image.dtype != torch.uint8:
                image = (image.float() / torch.iinfo(image.dtype).max * 255).round().to(torch.uint8)
            yield image[0] if image.ndim == 4 else image  # of an animation, its first frame
        except (RuntimeError, ValueError, OSError) as error:
            reason = re.sub(r"\[\S+\]", "", str(error).splitlines()[0]).strip()  # the library's own source lines
            yield StrataError(f"{root / name} cannot be read as an image ({reason})")


def _read(root: Path, name: str, offset: int | None) -> torch.Tensor:
    """Return the bytes of a file, or of the member of a tar file that begins at an offset."""
    if offset is None:
        return read_file(str(root / name))
    return torch.from_numpy(np.frombuffer(bytearray(tars.read(root, name, offset)), np.uint8))
