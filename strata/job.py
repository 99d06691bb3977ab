"""What every job sets up before it begins, and how it finds its files."""

import ctypes
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from itertools import islice
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from strata import progress
from strata.errors import StrataError

K = TypeVar("K")

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
_KEPT, _LARGEST = 1 << 28, 1 << 27  # bytes: with more, what is kept adds up to a fifth of a large job's memory


@contextmanager
def job(threads: int, log: str) -> Iterator[None]:
    """Give a job its threads and its log; where a user has something to mend, that ends with one line.

    Parameters
    ----------
    threads
        Of the processor, for every library that computes: another number sums in another order.
    log
        File for all that is said meanwhile, so that jobs that run at once do not mix. What ends the job stands last.
    """
    for library in ("OMP", "MKL", "OPENBLAS"):  # of those that are imported later
        os.environ[f"{library}_NUM_THREADS"] = str(threads)
    with _said_in(log), threadpool_limits(threads):
        if torch := sys.modules.get("torch"):  # where the job computes with it
            torch.set_num_threads(threads)
        reuse_memory()
        yield


def reuse_memory() -> None:
    """Let what this process frees be used again, where the C library can be told so (glibc).

    Else every large array is memory new from the system, which fills it with zeros page by page as it is written: half
    of the processor time of a network's forward pass. Arrays above 128 MiB still are, and of what is freed 256 MiB are
    kept at most.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(_MMAP_THRESHOLD, _LARGEST)
        mallopt(_TRIM_THRESHOLD, _KEPT)


@contextmanager
def _said_in(log: str) -> Iterator[None]:
    """Write what this process and those that it starts say to a file, and what ends it; bars stay on a terminal."""
    kept = {fd: os.dup(fd) for fd in (1, 2)}
    with open(log, "w", buffering=1) as file, redirect_stdout(file), redirect_stderr(file):
        progress.terminal = os.fdopen(kept[2], "w", closefd=False)
        for fd in kept:
            os.dup2(file.fileno(), fd)
        try:
            yield
        except StrataError as error:
            sys.exit(_last(f"Error: {error}"))
        except BaseException:
            sys.exit(_last(traceback.format_exc()))
        finally:
            progress.terminal = None
            for fd, before in kept.items():
                os.dup2(before, fd)
                os.close(before)


def _last(text: str) -> int:
    """Say why a job ends, on standard error; return its exit status."""
    print(text, file=sys.stderr)
    return 1


def split(files: Sequence[str], among: Iterable[K]) -> dict[K, list[str]]:
    """Divide files, which Snakemake hands over as one list, into equal parts, by what each part is of.

    Parameters
    ----------
    files
        Those of the first part first.
    among
        What each part is of, in the order of the files.
    """
    keys = list(among)
    size, left = divmod(len(files), len(keys)) if keys else (0, len(files))
    if left:
        raise ValueError(f"{len(files)} files are no equal parts for {len(keys)} of them")
    return {key: list(files[i * size : (i + 1) * size]) for i, key in enumerate(keys)}


def parts(files: Any, counts: Sequence[Mapping[str, int]]) -> Iterator[dict[str, list[str]]]:
    """Divide the files of a job that makes several things, by what each is made of.

    Parameters
    ----------
    files
        By name (`snakemake.input`), those of the first thing first.
    counts
        How many of each name belong to each thing.
    """
    waiting = {name: iter(files[name]) for name in counts[0]}
    for own in counts:
        yield {name: list(islice(waiting[name], count)) for name, count in own.items()}


def seed_of(network: str) -> int:
    """Return the seed of a network, as paths name it: 0, or 0-shuffled-labels."""
    return int(network.partition("-")[0])
