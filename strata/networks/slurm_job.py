"""Training as a Slurm job of its own, which outlives the Snakemake that submitted it.

Before its time limit, or a preemption, the job is signalled: it saves its state after the step that it is in, and asks
Slurm to queue it again, as often as it takes. Several tasks train one network together (DistributedDataParallel).
"""

import getpass
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pandas as pd
import submitit
import torch
from submitit.core.utils import FailedJobError, UncompletedJobError
from submitit.helpers import Checkpointable, TorchDistributedEnvironment
from submitit.slurm.slurm import SlurmJob
from torch import distributed

from strata import store
from strata.errors import StrataError
from strata.job import reuse_memory
from strata.networks import train
from strata.networks.preemption import Postponed

_POLL = 15  # seconds between looks at a job
_NOTICE = 120  # seconds before its time limit at which a job is signalled
_FOREVER = 10**6  # times that a job may reach its time limit
# What Snakemake's resources of a rule are called by submitit.
_RESOURCES = {
    "slurm_partition": "slurm_partition",
    "slurm_account": "slurm_account",
    "qos": "slurm_qos",
    "constraint": "slurm_constraint",
    "runtime": "timeout_min",
}


class Job(Checkpointable):  # when queued again, it gets the same arguments
    """What a task of the job runs: `strata.networks.train.train`, with its arguments."""

    def __call__(self, arguments: dict[str, Any]) -> pd.DataFrame | StrataError:
        """Train, together with the other tasks of the job; an error that a user can mend is returned."""
        task = TorchDistributedEnvironment().export(set_cuda_visible_devices=False, overwrite=True)
        if visible := os.environ.get("CUDA_VISIBLE_DEVICES"):  # of all tasks on this node, or bound to this one already
            devices = visible.split(",")
            os.environ["CUDA_VISIBLE_DEVICES"] = devices[task.local_rank % len(devices)]
        settle(arguments["training"].threads)
        reuse_memory()
        if task.world_size > 1:
            distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        try:
            return train.train(**arguments, postponed=Postponed())
        except StrataError as error:
            return error


def settle(threads: int) -> None:
    """Make sums the same from run to run: a number of CPU threads, and repeatable algorithms."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # What nothing reads need not be filled, for a tenth of a training's time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def train_as_job(arguments: dict[str, Any], resources: dict[str, Any], *, name: str) -> pd.DataFrame:
    """Train in a Slurm job, and wait for it; one that runs already is waited for instead.

    Parameters
    ----------
    arguments
        Of `strata.networks.train.train`. Its section `training` tells how many nodes and tasks the job has.
    resources
        Snakemake's: gpu (if any, every task gets one), mem_mb, runtime (minutes), slurm_partition, slurm_account, qos,
        constraint.
    name
        Of the job, beside a digest of its state's place, by which it is found again.

    Returns
    -------
    DataFrame
        See `strata.networks.train.train`.

    Raises
    ------
    StrataError
        If there is no Slurm here; if the job fails or is cancelled: what it said last, and where its log is.
    """
    logs = Path(arguments["state"]) / "slurm"
    name = f"{name}-{store.digest([str(Path(arguments['state']).resolve())])[:12]}"
    number = _queued(name)
    if number:
        print(f"Slurm job {number} ({name}) is at it already; waiting for it", flush=True)
    else:
        number = _submit(arguments, resources, name, logs)
        print(f"submitted Slurm job {number} ({name})", flush=True)
    return _result(name, SlurmJob(folder=logs, job_id=number))  # the first task's: all return the same


def _queued(name: str) -> str:
    """Return the number of the job of this name that has not ended, or nothing."""
    command = ["squeue", "--noheader", "--format=%A", f"--name={name}", f"--user={getpass.getuser()}"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    except FileNotFoundError as error:
        raise StrataError("config key training.launcher: submitit needs Slurm, and there is no squeue here") from error
    except subprocess.CalledProcessError as error:
        raise StrataError(f"squeue failed: {error.stderr.strip()}") from error
    return found[0] if found else ""


def _submit(arguments: dict[str, Any], resources: dict[str, Any], name: str, logs: Path) -> str:
    settings = arguments["training"]
    executor = submitit.AutoExecutor(folder=logs, cluster="slurm", slurm_max_num_timeout=_FOREVER)
    asked = {theirs: resources[ours] for ours, theirs in _RESOURCES.items() if resources.get(ours)}
    if resources.get("gpu"):
        asked["gpus_per_node"] = settings.tasks_per_node
    if resources.get("mem_mb"):
        asked["slurm_mem"] = f"{resources['mem_mb']}M"
    executor.update_parameters(
        name=name,
        nodes=settings.nodes,
        tasks_per_node=settings.tasks_per_node,
        cpus_per_task=settings.threads,
        slurm_signal_delay_s=min(_NOTICE, 15 * resources.get("runtime", 60)),
        slurm_additional_parameters={"requeue": True},
        **asked,
    )
    return str(executor.submit(Job(), arguments).job_id)


def _result(name: str, job: Any) -> pd.DataFrame:
    """Wait until a job has ended, showing what it writes, and return what it returned."""
    shown = 0
    while _alive(name):
        shown = _show(job, shown)
        time.sleep(_POLL)
    _show(job, shown)
    try:
        outcome = job.result()
    except (UncompletedJobError, FailedJobError) as error:
        print(error, flush=True)
        raise StrataError(f"training job {job.job_id} ended as {job.state}; its log: {job.paths.stderr}") from error
    if isinstance(outcome, StrataError):
        raise outcome
    return outcome


def _alive(name: str) -> bool:
    try:
        return bool(_queued(name))
    except StrataError as error:  # Slurm is away; its jobs are not
        print(error, flush=True)
        return True


def _show(job: Any, shown: int) -> int:
    """Print what a job has written since, and return how much it has written in all."""
    text = job.stdout() or ""
    print(text[shown:], end="", flush=True)
    return len(text)
