"""What happens before the first job of a run, on the machine that submits.

What killed jobs were writing is removed, and the preflight is done, once a configuration.
"""

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from strata import dependencies, store
from strata.config.keys import Config
from strata.networks.epochs import files

PREFLIGHT = Path(__file__).with_name("preflight.py")
PASSED = Path(".snakemake/strata/preflight.json")
"""Digests of what has been checked, and was well."""


def tidy(folder: str | Path) -> None:
    """Remove what killed jobs of earlier runs were writing.

    Parameters
    ----------
    folder
        The run's results.
    """
    for path in store.abandoned(folder):
        with suppress(OSError):  # another user's, perhaps: it is in nobody's way
            path.unlink()


def check(config: Config) -> None:
    """Check what would stop a run, in a process of its own (`strata.preflight`), unless that has been done.

    Parameters
    ----------
    config
        The whole configuration.

    Raises
    ------
    SystemExit
        If something would; the process has told what.
    """
    code = dependencies.digest(PREFLIGHT)
    asked = store.digest([code, config.model_dump_json(exclude={"figures", "overwrite"}), *map(_state, _files(config))])
    passed = json.loads(PASSED.read_text()) if PASSED.exists() else []
    if asked in passed:
        return
    print("checking images, network, memory and disk (snakemake preflight tells what is found)", file=sys.stderr)
    where = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-P", str(PREFLIGHT)]  # without its own folder on the path, whose names are others' too
    done = subprocess.run(command, input=config.model_dump_json(), text=True, env={**os.environ, "PYTHONPATH": where})
    if done.returncode:
        sys.exit(done.returncode)
    store.write_bytes(PASSED, json.dumps([*passed[-19:], asked]).encode())


def _files(config: Config) -> list[str]:
    """Return the files and folders of the user's that a configuration names."""
    data, checkpoints = config.data, config.model.checkpoints
    named = [name for name in (data.path, data.labels, data.superclasses) if name]
    return [*named, *(files(checkpoints).values() if checkpoints else [])]


def _state(path: str) -> str:
    """Say what would change if a file, or what lies in a folder, did."""
    found = Path(path)
    return f"{path} {found.stat().st_mtime_ns} {found.stat().st_size}" if found.exists() else f"{path} is not here"
