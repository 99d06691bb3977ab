"""Timing of pieces of work side by side: run after run in one process, in turn, the median of several."""

import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def side_by_side(work: dict[str, Callable[[], Any]], runs: int = 5) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Run every piece of work once to warm up, then all in turn, `runs` times.

    Returns
    -------
    seconds, results
        By name: the seconds of every run, and what the last run returned.
    """
    seconds: dict[str, list[float]] = {name: [] for name in work}
    results = {name: run() for name, run in work.items()}
    for _ in range(runs):
        for name, run in work.items():
            began = time.perf_counter()
            results[name] = run()
            seconds[name].append(time.perf_counter() - began)
    return seconds, results


def median(seconds: list[float]) -> float:
    """Return the median."""
    return statistics.median(seconds)


def peak_mb() -> float:
    """Return the peak memory of this process so far, in MiB.

    Not from getrusage: what that says of a process starts at the memory of the one that spawned it.
    """
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024
