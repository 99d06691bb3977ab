"""A task of a Slurm job array: what makes it do its own job, and look for the files of no other.

Slurm's executor gives every task of an array the command of the array's first job, and beside it those of the others,
as text. Such a Snakemake would start another one for the job that is the task's, and look for the first job's files
then: where that job is slower by more than `latency-wait`, or was cancelled, the task fails with all its work done
(snakemake-executor-plugin-slurm, issue 447).
"""

import os
import zlib
from collections.abc import Mapping, Sequence

from snakemake_executor_plugin_slurm_jobstep import parse_array_execs

_OTHERS = "--slurm-jobstep-array-execs="


def take_own_job(arguments: Sequence[str]) -> None:
    """Become the command of the job that is this task's; return where this process has that already.

    Parameters
    ----------
    arguments
        Those that this Snakemake was started with.
    """
    if command := own_command(arguments, os.environ):
        os.execv("/bin/sh", ["sh", "-c", command])


def own_command(arguments: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Return the command of the job that is a task's, if it is not the one that it was started with.

    Parameters
    ----------
    arguments
        Those that its Snakemake was started with.
    environment
        What Slurm tells the task by.
    """
    others = [word.removeprefix(_OTHERS) for word in arguments if word.startswith(_OTHERS)]
    found = parse_array_execs(others[0]).get(environment.get("SLURM_ARRAY_TASK_ID", "")) if others else None
    return zlib.decompress(bytes.fromhex(found)).decode() if found else None
