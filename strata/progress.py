"""Progress bars on standard error: alive on a terminal, a line now and then in a log."""

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(items: Iterable[T], what: str, *, total: int | None = None, initial: int = 0) -> Iterable[T]:
    """Return the items while a bar shows how many of them are done, `initial` of them before.

    Parameters
    ----------
    items
        What the caller goes through.
    what
        What is done, as the bar says it.
    total
        How many items there are in all; None where `items` can tell itself.
    initial
        How many are done before the first.
    """
    interval = 0.1 if sys.stderr.isatty() else 10.0
    return tqdm(items, desc=what, total=total, initial=initial, mininterval=interval, leave=False, dynamic_ncols=True)
