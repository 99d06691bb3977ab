"""The HDF5 store: shards that are whole or absent, and checked whenever they are read.

A shard is assembled in memory, written beside its final name and renamed when it is complete, so that a full disk or a
kill leaves nothing that a later run would trust. Every chunk carries a checksum, and the file's own structures do too
(HDF5's latest format). Attributes tell what made the shard; a reader states what it expects of them.
"""

import hashlib
import io
import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from strata import processes
from strata.errors import StrataError

FORMAT = 1
_CHUNK_BYTES = 1 << 20
_TEMPORARY = re.compile(r"\..+\.(?P<pid>\d+)@(?P<host>[^@/]+)\.tmp")
_ABANDONED = 24 * 3600  # seconds after which nobody on another machine, whose processes are not seen here, still writes


@dataclass(frozen=True)
class Sparse:
    """A matrix that is mostly zeros: what is stored of it are its other numbers, row by row; it is read as it was.

    Attributes
    ----------
    dense : ndarray
        Rows × columns.
    """

    dense: np.ndarray

    def parts(self) -> dict[str, np.ndarray]:
        """Return what is stored: the numbers, the column of each, where those of every row start, and the shape."""
        rows, columns = np.nonzero(self.dense)
        starts = np.zeros(len(self.dense) + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=len(self.dense)), out=starts[1:])
        narrow = np.min_scalar_type(max(0, self.dense.shape[1] - 1))
        values, shape = self.dense[rows, columns], np.array(self.dense.shape)
        return {"values": values, "columns": columns.astype(narrow), "starts": starts, "shape": shape}


def write(path: str | Path, arrays: Mapping[str, np.ndarray | Sparse], **attributes: Any) -> None:
    """Write a shard, whole or not at all.

    Parameters
    ----------
    path
        Where to; its directory is made.
    arrays
        Datasets by name, each chunked along its first axis, or matrices that are mostly zeros.
    **attributes
        What made the shard; anything that JSON can hold.

    Raises
    ------
    StrataError
        If the disk refuses the file; nothing is left behind.
    """
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver="latest") as file:
        for name, array in _stored(arrays):
            chunked = {"chunks": _chunks(array), "fletcher32": True} if array.size else {}
            file.create_dataset(name, data=array, **chunked)
        attributes = {"format": FORMAT, **attributes}
        for name, value in {**attributes, "checksum": _checksum(attributes)}.items():
            # Fixed-length: variable-length strings live in a heap that carries no checksum.
            file.attrs[name] = np.bytes_(json.dumps(value).encode())
    write_bytes(path, buffer.getbuffer())


def link(path: str | Path, others: Iterable[str | Path]) -> None:
    """Give a file further names, so that nothing is on the disk twice; where the disk knows no hard links, copy it.

    Each name is one of a file of its own: what is removed or written under one stays under the others.

    Parameters
    ----------
    path
        Of the file.
    others
        The names; their directories are made.

    Raises
    ------
    StrataError
        If the disk refuses it.
    """
    for other in map(Path, others):
        temporary = temporary_of(other)
        try:
            other.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, temporary)
            os.replace(temporary, other)
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            write_bytes(other, Path(path).read_bytes())


def write_bytes(path: str | Path, content: bytes | memoryview) -> None:
    """Write a file under a temporary name and rename it when it is whole.

    Parameters
    ----------
    path
        Where to; its directory is made.
    content
        All that the file holds.

    Raises
    ------
    StrataError
        If the disk refuses the file; nothing is left behind.
    """
    path = Path(path)
    temporary = temporary_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise unwritable(path, error) from error


def temporary_of(path: str | Path) -> Path:
    """Return the name under which this process writes a file, and by which others know whose it is (see `abandoned`).

    Parameters
    ----------
    path
        Of the file.
    """
    path = Path(path)
    return path.with_name(f".{path.name}.{os.getpid()}@{processes.HOST}.tmp")


def unwritable(path: str | Path, error: OSError) -> StrataError:
    """Return what to tell of a file that the disk refuses.

    Parameters
    ----------
    path
        Of the file.
    error
        What the system said.
    """
    return StrataError(
        f"{path}: could not be written ({error.strerror}); free some space or mend the path, and rerun; "
        "nothing half-written was kept"
    )


def abandoned(folder: str | Path) -> Iterator[Path]:
    """Yield the temporary files below a folder that nobody will finish: those of processes that were killed.

    Parameters
    ----------
    folder
        Where to look. Other machines, which share its disk, may be writing there: of a file of theirs, only its age
        tells.
    """
    for path in Path(folder).rglob(".*.tmp"):
        if writer := _TEMPORARY.fullmatch(path.name):
            with suppress(FileNotFoundError):  # finished meanwhile
                here = writer["host"] == processes.HOST
                old = time.time() - path.stat().st_mtime > _ABANDONED
                if not processes.alive(int(writer["pid"])) if here else old:
                    yield path


def digest(content: bytes | Iterable[str]) -> str:
    """Return a short name for some content: the first 16 hexadecimal digits of its SHA-256."""
    data = content if isinstance(content, bytes) else "\n".join(content).encode()
    return hashlib.sha256(data).hexdigest()[:16]


def rebuild(path: str | Path) -> str:
    """Say how a file is made again."""
    return f"rebuild it with: snakemake --cores all --force {path} (and the run's own --configfile, if it has one)"


class Shard:
    """A shard opened for reading, without any file lock.

    Parameters
    ----------
    path
        The file.
    **expected
        Attributes that it must have, with their values; an attribute that is a list has each of its values.

    Attributes
    ----------
    attributes : dict
        What made the shard.

    Raises
    ------
    StrataError
        If the file is missing, damaged or made by something else; names the file and the command that rebuilds it.
    """

    def __init__(self, path: str | Path, **expected: Any) -> None:
        self.path = Path(path)
        try:
            self._file = h5py.File(self.path, "r", locking=False)
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            raise self._fault("is missing" if missing else "is truncated or damaged") from error
        try:
            self.attributes = {k: json.loads(bytes(v)) for k, v in self._file.attrs.items()}
            if self.attributes.pop("checksum") != _checksum(self.attributes):
                raise ValueError("attributes")
        except Exception as error:
            self._file.close()
            raise self._fault("is damaged or no shard of Strata") from error
        for name, value in {"format": FORMAT, **expected}.items():
            found = self.attributes.get(name)
            if found != value and not (isinstance(found, list) and value in found):
                self._file.close()
                raise self._fault(f"does not fit here: its {name} is {found!r}, expected {value!r}")

    def __enter__(self) -> "Shard":
        """Return the shard itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._file.close()

    def read(self, name: str, rows: slice = slice(None)) -> np.ndarray:
        """Return rows of a dataset, verified against their checksums.

        Parameters
        ----------
        name
            Of the dataset.
        rows
            Which of them; all, unless said otherwise.
        """
        try:
            found = self._file[name]
            return _dense(found, rows) if _is_sparse(found) else found[rows]
        except Exception as error:  # h5py raises nearly anything on a damaged structure
            raise self._fault(f"is damaged (dataset {name})") from error

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a dataset."""
        try:
            found = self._file[name]
            return tuple(map(int, found["shape"][:])) if _is_sparse(found) else found.shape
        except Exception as error:
            raise self._fault(f"is damaged (dataset {name})") from error

    def _fault(self, what: str) -> StrataError:
        return StrataError(f"{self.path} {what}; {rebuild(self.path)}")


def read(path: str | Path, **expected: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return all datasets and the attributes of a shard (see `Shard`).

    Parameters
    ----------
    path
        The file.
    **expected
        Attributes that it must have, with their values.
    """
    with Shard(path, **expected) as shard:
        try:
            found: dict[str, Any] = {}
            shard._file.visititems(found.__setitem__)
            names = [name for name, item in found.items() if isinstance(item, h5py.Dataset) or _is_sparse(item)]
            names = [name for name in names if not _is_sparse(found.get(name.rpartition("/")[0]))]
        except Exception as error:
            raise shard._fault("is damaged") from error
        return {name: shard.read(name) for name in names}, shard.attributes


def _stored(arrays: Mapping[str, np.ndarray | Sparse]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the datasets of some arrays by name."""
    for name, array in arrays.items():
        if isinstance(array, Sparse):
            yield from ((f"{name}/{part}", values) for part, values in array.parts().items())
        else:
            yield name, array


def _is_sparse(found: Any) -> bool:
    return isinstance(found, h5py.Group) and "columns" in found


def _dense(parts: h5py.Group, rows: slice) -> np.ndarray:
    """Return rows of a matrix that is mostly zeros."""
    count, width = parts["shape"][:]
    first, end, _ = rows.indices(count)
    starts = parts["starts"][first : max(first, end) + 1]
    own = slice(starts[0], starts[-1])
    values = parts["values"][own]
    dense = np.zeros((len(starts) - 1, width), values.dtype)
    dense[np.repeat(np.arange(len(dense)), np.diff(starts)), parts["columns"][own]] = values
    return dense


def _checksum(attributes: Mapping[str, Any]) -> str:
    """Return a digest of attributes: HDF5 itself guards only those that are short."""
    return digest(json.dumps(attributes, sort_keys=True).encode())


def _chunks(array: np.ndarray) -> tuple[int, ...]:
    """Return a chunk of whole rows, 1 MiB at most: all alike, since the last takes as much disk as another."""
    most = max(1, _CHUNK_BYTES // max(1, array[:1].nbytes))
    return (ceil(len(array) / ceil(len(array) / most)), *array.shape[1:])
