"""Image files in a folder, by class sub-folders or with a file that tells their classes."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image, read_file

from strata import tables
from strata.errors import StrataError
from strata.images.sources import Given

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif")


def listed(given: Given) -> pd.DataFrame:
    """List the images.

    Raises
    ------
    StrataError
        If there is no such folder, it has no classes, or it and the file of labels name different images.
    """
    root = Path(str(given.path))
    if not root.is_dir():
        raise StrataError(f"config key data.path: {root} is not a directory")
    return _labelled(root, Path(given.labels)) if given.labels else _by_class(root)


def decoded(images: pd.DataFrame, given: Given, *, side: int) -> Iterator[Tensor | StrataError]:
    """Decode some of them.

    Parameters
    ----------
    images
        Rows of the listing.
    given
        What the configuration tells the source.
    side
        Not used: images come as they are.
    """
    root = Path(str(given.path))
    return decoded_files((root / name, partial(read_file, str(root / name))) for name in images["image"])


def decoded_files(files: Iterable[tuple[Path, Callable[[], Tensor]]]) -> Iterator[Tensor | StrataError]:
    """Decode image files of any usual kind, turned as their EXIF says.

    Parameters
    ----------
    files
        For every one of them its name, and what reads its bytes.
    """
    for name, read in files:
        try:
            image = decode_image(read(), mode=ImageReadMode.RGB, apply_exif_orientation=True)
            if image.dtype != torch.uint8:
                image = (image.float() / torch.iinfo(image.dtype).max * 255).round().to(torch.uint8)
            yield image[0] if image.ndim == 4 else image  # of an animation, its first frame
        except (RuntimeError, ValueError, OSError) as error:
            reason = re.sub(r"\[\S+\]", "", str(error).splitlines()[0]).strip()  # the library's own source lines
            yield StrataError(f"{name} cannot be read as an image ({reason})")


def _by_class(root: Path) -> pd.DataFrame:
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


def _labelled(root: Path, labels: Path) -> pd.DataFrame:
    """List the images of a folder whose classes a file tells; both must name the same images."""
    key = f"config key data.labels: {labels}"
    table = tables.given(labels, ["image", "class"], key=key)
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
