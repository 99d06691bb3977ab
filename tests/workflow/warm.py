"""A Python that has imported already: Snakemake and the jobs of a test are forked from it.

Every job is a process that imports torch, 2 s of a processor, and a whole run of a test is some 70 of them. What is
forked here finds the packages imported; Strata's own modules it imports anew, from the copy that the test has. What a
Snakemake hands over to Slurm, or to another Snakemake, Python begins as ever.
"""

import asyncio
import atexit
import functools
import gc
import importlib
import json
import os
import resource
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

IMPORTED = (
    "h5py",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "matplotlib.pyplot",
    "nbformat",
    "pandas",
    "pydantic",
    "rocrate.rocrate",
    "safetensors.torch",
    "scipy.cluster.hierarchy",
    "scipy.optimize",
    "scipy.sparse",
    "scipy.stats",
    "sklearn.cluster",
    "sklearn.datasets",
    "smart_open",
    "snakemake.cli",
    "snakemake.executors.local",
    "snakemake.profiles",
    "snakemake.report.html_reporter",
    "snakemake.scheduling.job_scheduler",
    "snakemake.script",
    "snakemake.storage",
    "torch",
    "torch.utils.flop_counter",
    "torchvision.transforms.v2",
    "yte",
)
PYTHON = sys.executable
HIDDEN = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "SNAKEMAKE_PROFILE")  # of who tests: a user has none of these
SOCKET = "STRATA_TESTS_FORKED_BY"  # the variable that names it
CLIENT = f"""#!{PYTHON} -IS
import json, os, signal, socket, sys
asked, where = sys.argv[1:], os.environ.get({SOCKET!r}, "")
first = asked[1:] if asked[:1] == ["-P"] else asked
if not os.path.exists(where) or not first[:1] or first[0].startswith("-"):
    os.execv({PYTHON!r}, [{PYTHON!r}, *asked])
server = socket.socket(socket.AF_UNIX)
server.connect(where)
request = {{"arguments": asked, "folder": os.getcwd(), "environment": dict(os.environ)}}
socket.send_fds(server, [json.dumps(request).encode() + b"\\n"], [0, 1, 2])
said = server.makefile()
pid = int(said.readline())
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda number, frame: os.kill(pid, number))
code = int(said.readline())
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
sys.exit(code)
"""
"""What stands for Python in a Snakemake that was forked: it has a script forked, and ends as that does."""


class Forked:
    """A process that was forked, as `subprocess.Popen` shows one."""

    def __init__(self, connection: socket.socket) -> None:
        self._said = connection.makefile()
        self._connection = connection
        self.pid = int(self._said.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, or None as long as it runs."""
        if self.returncode is None and select.select([self._connection], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code when it has ended."""
        if self.returncode is None:
            if timeout and not select.select([self._connection], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("snakemake", timeout)
            self.returncode = int(self._said.readline())
            self._connection.close()
        return self.returncode


class Warm:
    """A Python that has imported already, and what it forks."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="warm-")
        client = Path(self._folder.name) / "python"
        client.write_text(CLIENT)
        client.chmod(0o755)
        self._socket = str(client.with_name("socket"))
        self._server = subprocess.Popen(
            [PYTHON, "-P", __file__, self._socket], env=_environment(), stdin=subprocess.DEVNULL
        )
        while not os.path.exists(self._socket):
            assert self._server.poll() is None, "it ended while it imported"
            time.sleep(0.05)

    def snakemake(
        self, arguments: Sequence[str], *, folder: Path, package: Path, said: Path, largest_file: int
    ) -> Forked:
        """Fork a Snakemake, in a folder, into a session of its own; it finds Strata in `package`."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._socket)
        request = {
            "arguments": ["-m", "snakemake", *arguments],
            "folder": str(folder),
            "environment": {**_environment(), "PYTHONPATH": str(package)},
            "largest_file": largest_file,
        }
        with open(os.devnull) as nothing, open(said, "w") as file:
            fds = [nothing.fileno(), file.fileno(), file.fileno()]
            socket.send_fds(connection, [json.dumps(request).encode() + b"\n"], fds)
        return Forked(connection)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in HIDDEN}


@functools.cache
def warm() -> Warm:
    """Return that of this process of pytest, which ends with it."""
    return Warm()


def serve(where: str, parent: int) -> dict[str, Any]:
    """Fork what is asked for, for ever; return in what was forked, with what it shall be.

    Parameters
    ----------
    where
        Path of the socket.
    parent
        A process without which it ends, as soon as none that it has forked is left.
    """
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(where + ".new")
    listening.listen(64)
    os.rename(where + ".new", where)
    children: dict[int, socket.socket] = {}
    while parent == os.getppid() or children:
        heard, _, _ = select.select([listening, *children.values()], [], [], 0.01 if children else 0.2)
        for pid, connection in list(children.items()):
            if connection in heard:  # who asked for it was killed: so is what it stands for
                os.kill(pid, signal.SIGKILL)
            ended, status = os.waitpid(pid, 0 if connection in heard else os.WNOHANG)
            if ended:
                _say(connection, os.waitstatus_to_exitcode(status))
                children.pop(pid).close()
        if listening in heard:
            connection, _ = listening.accept()
            request, fds = _received(connection)
            pid = os.fork()
            if not pid:
                for other in (listening, connection, *children.values()):
                    other.close()
                for number, fd in enumerate(fds):
                    os.dup2(fd, number)
                os.closerange(3, max(fds) + 1)
                return request
            for fd in fds:
                os.close(fd)
            _say(connection, pid)
            children[pid] = connection
    os._exit(0)


def _received(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    text, fds, _, _ = socket.recv_fds(connection, 65536, 3)
    while not text.endswith(b"\n"):
        text += connection.recv(65536)
    return json.loads(text), list(fds)


def _say(connection: socket.socket, number: int) -> None:
    with suppress(BrokenPipeError):  # who asked was killed meanwhile
        connection.sendall(b"%d\n" % number)


def run(request: dict[str, Any], path: Sequence[str], client: Path) -> None:
    """Be what was asked for, as `python <arguments>` would."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    arguments = request["arguments"]
    sys.path[:] = [*filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)), *path]
    importlib.invalidate_caches()
    if arguments[0] == "-m":
        os.setsid()
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["largest_file"], resource.RLIM_INFINITY))
        mine = os.getpid()
        where = str(client.with_name(str(mine)))
        if not os.fork():
            request = serve(where, mine)
            return run(request, path, client)
        while not os.path.exists(where):
            time.sleep(0.002)
        os.environ[SOCKET] = where
        sys.executable = str(client)
        sys.argv = arguments[1:]
        sys.path.insert(0, request["folder"])
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        del os.environ[SOCKET]
        sys.executable = PYTHON
        if arguments[0] == "-P":
            arguments = arguments[1:]
        else:
            sys.path.insert(0, str(Path(arguments[0]).parent))
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")


def _exit_code(work: Callable[[], None]) -> int:
    """Do it; return what Python would end with, and say what it would."""
    try:
        work()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


async def _as_told(executor: RemoteExecutor) -> None:
    """Wait for `--seconds-between-status-checks`, where Slurm's executor waits 10 s longer from check to check."""
    await asyncio.sleep(executor.workflow.remote_execution_settings.seconds_between_status_checks)


if __name__ == "__main__":
    for name in IMPORTED:
        importlib.import_module(name)
    RemoteExecutor.sleep = _as_told
    assert not [name for name in sys.modules if name.partition(".")[0] in ("strata", "snakemake_logger_plugin_strata")]
    gc.collect()
    gc.freeze()  # who is forked need not look for garbage in what was imported, nor copy it for that
    found = list(sys.path)
    code = _exit_code(lambda: run(serve(sys.argv[1], os.getppid()), found, Path(sys.argv[1]).with_name("python")))
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # without a second for the removal of every module
