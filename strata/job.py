"""What every job sets up before it begins, and how it finds its files."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from strata.errors import one_line

K = TypeVar("K")


@contextmanager
def job(threads: int) -> Iterator[None]:
    """Give a job its threads, and end it with one line where a user has something to mend.

    Parameters
    ----------
    threads
        Of the processor, for every library that computes: another number sums in another order.
    """
    for library in ("OMP", "MKL", "OPENBLAS"):  # of those that are imported later
        os.environ[f"{library}_NUM_THREADS"] = str(threads)
    with one_line(), threadpool_limits(threads):
        if torch := sys.modules.get("torch"):  # where the job computes with it
            torch.set_num_threads(threads)
        yield


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
