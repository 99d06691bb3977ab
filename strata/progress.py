"""Progress of a job: a bar on the terminal that it was started from, else a line a minute in its log."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TextIO, TypeVar

from tqdm import tqdm

T = TypeVar("T")
terminal: TextIO | None = None
"""Where bars go; None for standard error, where that is one."""
_MINUTE = 60.0
_DELAY = 1.0  # what takes but a moment shows no bar


def progress(items: Iterable[T], what: str, *, total: int | None = None, initial: int = 0) -> Iterable[T]:
    """Return the items while a user is told how many of them are done, `initial` of them before.

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
    screen = terminal or sys.stderr
    if not screen.isatty():
        return _told(items, what, total=total, initial=initial)
    return tqdm(
        items, desc=what, total=total, initial=initial, file=screen, delay=_DELAY, leave=False, dynamic_ncols=True
    )


def _told(items: Iterable[T], what: str, *, total: int | None, initial: int) -> Iterator[T]:
    of = total if total is not None else getattr(items, "__len__", lambda: "?")()
    said = time.monotonic()
    for done, item in enumerate(items, initial):
        if time.monotonic() - said >= _MINUTE:
            print(f"{what}: {done} of {of}", file=sys.stderr, flush=True)
            said = time.monotonic()
        yield item
