"""The one error that a user of Strata is meant to read."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class StrataError(Exception):
    """Something that a user can mend; the message is one line that names it and says how."""


@contextmanager
def one_line() -> Iterator[None]:
    """End the program with one line instead of a traceback when a `StrataError` is raised."""
    try:
        yield
    except StrataError as error:
        told = str(error).replace("\n", " ")  # names of files may hold anything
        sys.exit(f"\nError: {told}")  # on a line of its own: the bar of another job may be on this one
