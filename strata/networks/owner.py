"""The owner of a training's state: one process at a time trains into a folder, on whatever machine it runs.

The lock is a file that only one process can create, which needs nothing of a file system but what all shared ones
have. It outlives an owner that is killed; whoever comes next takes it over when the owner is dead.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Thread

from strata import processes, store
from strata.errors import StrataError

_BEAT = 60  # seconds between an owner's signs of life
# Seconds without one after which an owner on another machine counts as dead: nine beats may be late, by a busy file
# server or by clocks that differ, before one that lives is taken for dead.
_SILENCE = 600
_SETTLE = 1  # seconds in which others that take the same lock over will have written theirs


@dataclass(frozen=True)
class Owner:
    """A process that owns a folder.

    Parameters
    ----------
    host
        Its machine.
    pid
        Its number there.
    began
        When it began (see `strata.processes.began`).
    since
        When it took the lock, as text.
    job, start
        Its Slurm job, and how often that was started before; empty outside Slurm.
    """

    host: str
    pid: int
    began: int
    since: str
    job: str = ""
    start: str = ""

    @classmethod
    def this(cls) -> "Owner":
        """Return this process."""
        pid, slurm = os.getpid(), ("SLURM_JOB_ID", "SLURM_RESTART_COUNT")
        job, start = (os.environ.get(name, "") for name in slurm)
        return cls(processes.HOST, pid, processes.began(pid), time.strftime("%Y-%m-%d %H:%M:%S"), job, start)

    def dead(self, *, silence: float, seen_from: "Owner") -> bool:
        """Say whether it has ended.

        Parameters
        ----------
        silence
            Seconds since its last sign of life.
        seen_from
            The process that asks.
        """
        if self.host == seen_from.host:
            return not processes.alive(self.pid, self.began)
        if self.job and self.job == seen_from.job and self.start != seen_from.start:
            return True  # Slurm starts a job again after it has ended on the node where it was
        return silence > _SILENCE


@contextmanager
def owned(folder: str | Path) -> Iterator[None]:
    """Own a folder until the block ends.

    Parameters
    ----------
    folder
        What is written into; it is made, and removed again if nothing was.

    Raises
    ------
    StrataError
        If another process owns it: which one, since when, and what to do.
    """
    lock, own = Path(folder, "owner.json"), Owner.this()
    _take(lock, own)
    ended = Event()
    beating = Thread(target=_beat, args=(lock, ended), daemon=True)
    beating.start()
    try:
        yield
    finally:
        ended.set()
        beating.join()
        if _owner(lock) == own:
            lock.unlink(missing_ok=True)
            with suppress(OSError):  # it is not empty
                lock.parent.rmdir()


def _take(lock: Path, own: Owner) -> None:
    """Create a lock, or take it over from an owner that is dead."""
    content = json.dumps(asdict(own)).encode()
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(lock, "xb") as file:
                file.write(content)
        except FileExistsError:
            _take_over(lock, own, content)
    except OSError as error:
        raise store.unwritable(lock, error) from error


def _take_over(lock: Path, own: Owner, content: bytes) -> None:
    ready = store.temporary_of(lock)
    try:
        while _owner(lock) != own:
            ready.write_bytes(content)  # before the look at the owner, so that nothing slow comes after it
            _refuse_living(lock, own)
            os.replace(ready, lock)
            time.sleep(_SETTLE)  # of several that take it over, the last one has it
    finally:
        ready.unlink(missing_ok=True)


def _refuse_living(lock: Path, own: Owner) -> None:
    owner = _owner(lock)
    try:
        silence = time.time() - lock.stat().st_mtime
    except FileNotFoundError:  # given back meanwhile
        return
    if owner is None:  # it is being written, or its writer was killed
        if silence > _SILENCE:
            return
        raise StrataError(
            f"{lock.parent} was taken by a process that has not said which; wait until that has ended, or "
            f"{_SILENCE // 60} minutes, and rerun"
        )
    if owner.dead(silence=silence, seen_from=own):
        return
    here = owner.host == own.host
    end = f"kill {owner.pid}" if here else f"scancel {owner.job}" if owner.job else f"on {owner.host}: kill {owner.pid}"
    when = "" if here else f"; it counts as dead after {_SILENCE // 60} minutes without a sign of life"
    raise StrataError(
        f"{lock.parent} belongs to process {owner.pid} on {owner.host}, which has been training since {owner.since}; "
        f"wait until it has ended, or end it ({end}), and rerun{when}"
    )


def _owner(lock: Path) -> Owner | None:
    """Return who has a lock; None if nobody has it, or its file cannot be read."""
    try:
        return Owner(**json.loads(lock.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _beat(lock: Path, ended: Event) -> None:
    """Give signs of life until told to end."""
    while not ended.wait(_BEAT):
        with suppress(OSError):  # the file server is away: the next one may come in time
            os.utime(lock)
