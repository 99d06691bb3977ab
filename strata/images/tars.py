"""Images in tar files, named as webdataset does: what shares a path up to its first dot is one sample.

A member is found again by where it begins, so that no job has to walk through whole tar files for its few images.
"""

import re
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from strata.errors import StrataError
from strata.images.folders import SUFFIXES, decoded_files
from strata.images.sources import Given
from strata.progress import progress

_TAR = re.compile(r"\.(tar|tgz|tar\.(gz|bz2|xz|zst))$")  # compressed ones too: they are refused, not overlooked
_SAMPLE = re.compile(r"((?:.*/)?[^./]+)\.([^/]+)")


def listed(given: Given) -> pd.DataFrame:
    """List the images of all tar files of a folder.

    A member `.cls` of the same sample tells an image's class, as a name or an integer.

    Returns
    -------
    DataFrame
        image (tar file/member), class, label, and the offset at which the member begins in its tar file. Classes are
        sorted by number where all are integers, else by name.

    Raises
    ------
    StrataError
        If there is no tar file, one is compressed, damaged or empty, or a sample has not one image and one class.
    """
    root = Path(str(given.path))
    if not root.is_dir():
        raise StrataError(f"config key data.path: {root} is not a directory")
    files = sorted(file for file in root.iterdir() if _TAR.search(file.name))
    if not files:
        raise StrataError(f"config key data.path: {root} has no tar files")
    rows: list[dict[str, Any]] = []
    for file in progress(files, "listing tar files"):  # a comprehension would leave the bar open before an error's line
        rows += _samples(file)
    images = pd.DataFrame(rows)
    names = sorted(images["class"].unique())
    if all(name.isdecimal() for name in names):
        names.sort(key=int)
    return images.assign(label=images["class"].map({name: label for label, name in enumerate(names)}))


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

    def reading(name: str, offset: int) -> Callable[[], Tensor]:
        return lambda: torch.from_numpy(np.frombuffer(bytearray(read(root, name, offset=offset)), np.uint8))

    places = zip(images["image"], images["offset"], strict=True)
    return decoded_files((root / name, reading(name, offset)) for name, offset in places)


def read(root: Path, image: str, *, offset: int) -> bytes:
    """Read the member that is an image, from a tar file as it was when its images were listed.

    Parameters
    ----------
    root
        The folder of the tar files.
    image
        As it was listed: tar file/member.
    offset
        At which the member begins in its tar file.
    """
    tar, _, name = image.partition("/")
    try:
        with (root / tar).open("rb") as stream:
            stream.seek(offset)
            with tarfile.open(fileobj=stream, mode="r:", encoding="utf-8") as archive:
                member = archive.next()
                if not member or member.name != name:
                    raise tarfile.ReadError("the tar file has changed")
                return _content(archive, member)
    except (OSError, tarfile.TarError) as error:
        raise StrataError(
            f"{root / image} is not where it was when the images were listed ({error}); list them again with "
            "snakemake --force results/<run>/images/index.csv"
        ) from error


def _samples(file: Path) -> list[dict[str, Any]]:
    """List the samples of one tar file."""
    images: dict[str, list[tarfile.TarInfo]] = defaultdict(list)
    classes: dict[str, list[str]] = defaultdict(list)
    try:
        with tarfile.open(file, "r:", encoding="utf-8", errors="strict") as archive:
            for member in archive:
                sample = _SAMPLE.fullmatch(member.name)
                if not sample or not member.isreg():
                    continue
                key, suffix = sample[1], f".{sample[2].lower()}"
                if suffix in SUFFIXES:
                    images[key].append(member)
                elif suffix == ".cls":
                    classes[key].append(_class(file, member.name, _content(archive, member)))
            # The reader takes a damaged header, or a cut between two members, for the end; but an end is a block of 0.
            stream: Any = archive.fileobj
            stream.seek(archive.offset)
            if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError("it is cut off or damaged")
    except (OSError, ValueError, tarfile.TarError) as error:
        raise StrataError(
            f"{file} cannot be read as a tar file, which must be whole and not compressed ({error})"
        ) from error
    kinds = f"image ({', '.join(SUFFIXES)})"
    if not images and not classes:
        raise StrataError(f"{file}: no sample, which is an {kinds} and a .cls of the same name")
    for key in images | classes:
        for what, found in ((kinds, [member.name for member in images[key]]), (".cls", classes[key])):
            if len(found) != 1:
                raise StrataError(f"{file}: sample {key} must have one {what}; found {', '.join(found) or 'none'}")
    return [
        {"image": f"{file.name}/{member.name}", "class": classes[key][0], "offset": member.offset}
        for key, (member,) in images.items()
    ]


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(member)
    assert stream  # a regular file
    with stream:
        return stream.read()


def _class(file: Path, name: str, content: bytes) -> str:
    try:
        lines = content.decode().strip().splitlines()
    except UnicodeDecodeError:
        lines = []
    if len(lines) != 1:
        raise StrataError(f"{file}/{name} must hold the class, one line of text")
    return lines[0]
