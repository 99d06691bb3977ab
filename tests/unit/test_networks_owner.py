"""A training's state has one owner, whatever becomes of it."""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import asdict, replace
from threading import Event

import pytest

from strata import processes
from strata.errors import StrataError
from strata.networks import owner
from strata.networks.owner import Owner, owned


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(owner, "_SETTLE", 0)


@pytest.fixture
def ended():
    """The number of a process that was killed."""
    process = subprocess.Popen(["sleep", "60"])
    process.kill()
    process.wait()
    return process.pid


@pytest.fixture
def lock(tmp_path):
    """Let another process have the folder: changes of this one's record, and how long ago it gave a sign of life."""

    def lock(silence=0.0, **changes):
        path = tmp_path / "owner.json"
        tmp_path.mkdir(exist_ok=True)  # what is empty is removed
        path.write_text(json.dumps(asdict(replace(Owner.this(), **changes))))
        os.utime(path, (time.time() - silence,) * 2)
        return path

    return lock


def refused(folder):
    """Return what is told when the folder cannot be had; nothing where it can."""
    try:
        with owned(folder):
            return ""
    except StrataError as error:
        return str(error)


def test_a_folder_is_made_and_owned_until_the_block_ends(tmp_path):
    folder = tmp_path / "seed-0" / "training-state"
    with owned(folder):
        assert json.loads((folder / "owner.json").read_text())["pid"] == os.getpid()
    assert not folder.exists()  # nothing is in it
    with owned(folder):
        (folder / "last.pt").touch()
    assert os.listdir(folder) == ["last.pt"]


def test_an_error_in_the_block_gives_the_folder_back(tmp_path):
    with pytest.raises(KeyboardInterrupt), owned(tmp_path / "state"):
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []


def test_a_second_process_is_told_who_has_it_and_what_to_do(tmp_path):
    program = (
        "import sys\nfrom strata.networks.owner import owned\nwith owned(sys.argv[1]):\n    print('in', flush=True)\n"
    )
    with owned(tmp_path):
        before = (tmp_path / "owner.json").read_bytes()
        done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True)
        assert (tmp_path / "owner.json").read_bytes() == before
    assert "in" not in done.stdout.split()
    told = done.stderr.splitlines()[-1]
    assert f"{tmp_path} belongs to process {os.getpid()} on {processes.HOST}" in told
    assert re.search(r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d;", told)
    assert f"(kill {os.getpid()}), and rerun" in told


def test_a_dead_owner_of_this_machine_is_followed_at_once(tmp_path, lock, ended):
    lock(pid=ended)
    assert refused(tmp_path) == ""
    lock(began=processes.began(os.getpid()) - 1)  # its number was given to this process since
    assert refused(tmp_path) == ""


def test_an_owner_that_lives_keeps_the_folder_however_long_it_is_silent(tmp_path, lock):
    lock(silence=1e6, pid=os.getppid(), began=0)
    assert f"process {os.getppid()} " in refused(tmp_path)


def test_an_owner_on_another_machine_is_dead_after_ten_minutes_without_a_sign_of_life(tmp_path, lock, ended):
    lock(silence=500, host="far", pid=ended)
    told = refused(tmp_path)
    assert f"(on far: kill {ended})" in told
    assert "it counts as dead after 10 minutes without a sign of life" in told
    lock(silence=700, host="far", pid=ended)
    assert refused(tmp_path) == ""


def test_a_slurm_job_that_is_started_again_follows_itself(tmp_path, lock, monkeypatch):
    lock(host="far", job="77")
    assert "(scancel 77)" in refused(tmp_path)
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    assert "(scancel 77)" in refused(tmp_path)  # another task of the same start
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert refused(tmp_path) == ""


@pytest.mark.parametrize("content", ["", '{"host": "fa', "[]", '{"pid": 3}'])
def test_a_lock_that_cannot_be_read_counts_until_it_is_old(tmp_path, lock, content):
    path = lock()
    path.write_text(content)
    assert "was taken by a process that has not said which" in refused(tmp_path)
    os.utime(path, (time.time() - 700,) * 2)
    assert refused(tmp_path) == ""


def test_who_was_taken_for_dead_does_not_give_back_what_another_has(tmp_path, lock):
    with owned(tmp_path):
        path = lock(host="far")
    assert json.loads(path.read_text())["host"] == "far"


def test_an_owner_gives_signs_of_life(tmp_path, monkeypatch):
    beaten, touch = Event(), os.utime
    monkeypatch.setattr(os, "utime", lambda path: (touch(path), beaten.set()))
    monkeypatch.setattr(owner, "_BEAT", 0.01)
    with owned(tmp_path):
        touch(tmp_path / "owner.json", (0, 0))
        beaten.clear()
        assert beaten.wait(60)
        assert (tmp_path / "owner.json").stat().st_mtime > 0


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    assert "owner.json: could not be written" in refused(tmp_path / "file" / "training-state")


@pytest.mark.slow
def test_of_several_that_follow_a_dead_owner_one_has_it(tmp_path, lock, ended):
    """Each says when it begins and ends; none begins while another is in."""
    lock(pid=ended)
    program = """
import os, sys, time
from strata.errors import StrataError
from strata.networks.owner import owned
print("ready", flush=True)
sys.stdin.readline()
try:
    with owned(sys.argv[1]):
        print("in", flush=True)
        sys.stdin.readline()
except StrataError:
    print("refused", flush=True)
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    several = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], **pipes) for _ in range(4)]
    assert [process.stdout.readline() for process in several] == ["ready\n"] * 4
    for process in several:
        process.stdin.write("go\n")
    assert sorted(process.stdout.readline() for process in several) == ["in\n", *["refused\n"] * 3]
    for process in several:
        process.communicate("done\n")
    assert not (tmp_path / "owner.json").exists()
