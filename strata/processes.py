"""Processes as files name them: of which machine, and whether they still live."""

import os
import socket
from pathlib import Path

HOST = socket.gethostname()
"""This machine, as others that share its disk know it."""


def alive(pid: int, began: int = 0) -> bool:
    """Say whether a process of this machine lives; one that has ended and waits to be reaped does not.

    Parameters
    ----------
    pid
        Its number.
    began
        When it began (see `began`); 0 where that is not known. A number is given again after its process has ended.
    """
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # another user's
    state, found = _stat(pid)
    return state not in "ZX" and (not began or not found or began == found)


def began(pid: int) -> int:
    """Return when a process began, in ticks since the machine did; 0 where the system does not tell."""
    return _stat(pid)[1]


def _stat(pid: int) -> tuple[str, int]:
    """Return a process's state, a letter, and when it began."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # there is no /proc but on Linux; it may hide other users' processes
        return " ", 0
    fields = text.rpartition(")")[2].split()  # the name before may hold anything
    return fields[0], int(fields[19])
