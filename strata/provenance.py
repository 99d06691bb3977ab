"""What made the results of a run: results/<run>/provenance.json, and what must not lie beside each other in one run.

It is written when Snakemake starts and ends (workflow/rules/preflight.smk), and is an output of no rule: neither time
nor machine makes anything run again.
"""

import getpass
import json
import os
import platform
import re
import socket
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from strata import __version__, store
from strata.config.keys import Config
from strata.errors import StrataError
from strata.networks.epochs import trained_here

# Keys of data, model and training that leave images and network what they are.
_SAME_STUDY = {
    "data.on_bad_image",
    "data.superclasses",
    *(f"training.{key}" for key in ("checkpoints", "launcher", "nodes", "tasks_per_node", "threads")),
}


def begin(config: Config, folder: str | Path) -> None:
    """Record that a Snakemake begins to make results, unless there are some of other images or another network.

    Parameters
    ----------
    config
        The whole configuration.
    folder
        The folder of the run.

    Raises
    ------
    StrataError
        If there are, and the configuration does not tell to overwrite them; names the keys that differ.
    """
    before = read(folder) or {"calls": [], "rules": {}}
    if "configuration" in before and not config.overwrite:
        _check_study(before["configuration"], config, folder)
    call = {"started": _time(), "ended": None, "outcome": None, **_environment()}
    _write(folder, before | {"configuration": plain(config), "calls": [*before["calls"], call]})


def end(folder: str | Path, jobs: Iterable[tuple[str, float, float]], *, outcome: str) -> None:
    """Record that a Snakemake has ended, and how long the jobs of every rule took.

    Parameters
    ----------
    folder
        The folder of the run.
    jobs
        Rule, start and end of every job that made what there is, in seconds since 1970.
    outcome
        Of the call: done or failed.
    """
    record = read(folder)
    assert record  # which `begin` wrote
    record["calls"][-1] |= {"ended": _time(), "outcome": outcome}
    times: dict[str, list[tuple[float, float]]] = {}
    for rule, started, ended in jobs:
        times.setdefault(rule, []).append((started, ended))
    record["rules"] |= {
        rule: {
            "jobs": len(own),
            "seconds": round(sum(ended - started for started, ended in own), 1),
            "first_started": _time(min(started for started, _ in own)),
            "last_ended": _time(max(ended for _, ended in own)),
        }
        for rule, own in sorted(times.items())
    }
    _write(folder, record)


def check_job(config: Config, folder: str | Path) -> None:
    """Check that a job which Snakemake has submitted sees the configuration that it was submitted with.

    It reads the files again that tell it, which may have been edited while it was queued.

    Parameters
    ----------
    config
        What the job sees.
    folder
        The folder of the run.

    Raises
    ------
    StrataError
        If it sees another; names the keys that differ.
    """
    record = read(folder)
    if record and (differing := _differing(record["configuration"], plain(config))):
        raise StrataError(
            f"the configuration has changed since {folder} was started: {_told(differing)}; change it back, or end "
            "this Snakemake and its jobs and start it again"
        )


def read(folder: str | Path) -> dict[str, Any] | None:
    """Return the record of a run, or nothing where it has none.

    Parameters
    ----------
    folder
        The folder of the run.

    Raises
    ------
    StrataError
        If it is damaged.
    """
    path = _path(folder)
    if not path.exists():
        return None
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise StrataError(f"{path} is damaged; what made these results is not known any more: remove it") from error


def upgraded(folder: str | Path) -> str:
    """Return which version made what there is of a run, and which one goes on with it; nothing where it is the same.

    Parameters
    ----------
    folder
        The folder of the run.
    """
    record = read(folder)
    before = record["calls"][-1]["strata"]["version"] if record and record["calls"] else __version__
    return "" if before == __version__ else f"{folder} was made by Strata {before}, and this is Strata {__version__}"


def plain(config: Config) -> dict[str, Any]:
    """Return what of a configuration makes results, as plain values.

    Parameters
    ----------
    config
        The whole configuration.
    """
    return json.loads(config.model_dump_json(exclude={"overwrite", "costs"}))


def _check_study(before: dict[str, Any], config: Config, folder: str | Path) -> None:
    try:
        known = plain(Config.model_validate(before))  # with the defaults of keys that are new since
    except ValidationError:  # of a version that had other keys: Snakemake still reruns what is not as it was
        return
    sections = ("data", "model", "training") if trained_here(config.model) else ("data", "model")
    differing = {
        key: values
        for key, values in _differing(known, plain(config)).items()
        if key.partition(".")[0] in sections and key not in _SAME_STUDY
    }
    if differing:
        raise StrataError(
            f"{folder} holds results of other images or of another network: {_told(differing)}; give this one another "
            "name (config key run), or make all of it anew with --config overwrite=true"
        )


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the keys whose values differ, by their full paths, with both values."""
    one, other = _flat(before), _flat(now)
    pairs = {key: (one.get(key), other.get(key)) for key in [*other, *one]}
    return {key: values for key, values in pairs.items() if values[0] != values[1]}


def _flat(section: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in section.items():
        found |= _flat(value, f"{above}{key}.") if isinstance(value, Mapping) else {f"{above}{key}": value}
    return found


def _told(differing: Mapping[str, tuple[Any, Any]]) -> str:
    """Tell the first keys that differ."""
    first = [
        f"{key} was {json.dumps(before)} and is {json.dumps(now)}" for key, (before, now) in list(differing.items())[:3]
    ]
    return ", ".join(first) + (f" and {len(differing) - 3} more" if len(differing) > 3 else "")


def _environment() -> dict[str, Any]:
    """Return the code, the packages, who runs it and on which machine."""
    return {
        "user": _user(),
        "strata": _version(),
        "python": platform.python_version(),
        "packages": _packages(),
        "machine": {
            "host": socket.gethostname(),
            "system": platform.platform(),
            "cpus": os.cpu_count(),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
            "gpus": _said("nvidia-smi", "--query-gpu=name", "--format=csv,noheader"),
        },
    }


def _user() -> str | None:
    with suppress(OSError, KeyError):  # in a container, a user may have no name
        return getpass.getuser()
    return None


def _version() -> dict[str, Any]:
    """Return Strata's version, and the commit where it lies in a repository of its own."""
    root = Path(__file__).parents[1]
    git = ("git", "-C", str(root))
    told: dict[str, Any] = {"version": __version__}
    if _said(*git, "rev-parse", "--show-toplevel") == [str(root.resolve())]:
        changed = _said(*git, "status", "--porcelain", "--", "Snakefile", "strata", "workflow")
        told |= {"commit": _said(*git, "rev-parse", "HEAD")[0], "clean": not changed}
    return told


def _packages() -> dict[str, str]:
    """Return the versions of the packages that Strata names, but for its tests."""
    found = {}
    with suppress(metadata.PackageNotFoundError):
        for line in metadata.requires("strata-vision") or []:
            if re.search("extra == .test.", line):
                continue
            name = re.split(r"[^\w.-]", line)[0]
            with suppress(metadata.PackageNotFoundError):  # what an extra asks for may not be here
                found[name] = metadata.version(name)
    return dict(sorted(found.items()))


def _said(*command: str) -> list[str]:
    """Return the lines that a program prints; none where it is not here, or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []


def _time(seconds: float | None = None) -> str:
    when = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return when.isoformat(timespec="seconds")


def _path(folder: str | Path) -> Path:
    return Path(folder, "provenance.json")


def _write(folder: str | Path, record: Mapping[str, Any]) -> None:
    store.write_bytes(_path(folder), (json.dumps(record, indent=1) + "\n").encode())
