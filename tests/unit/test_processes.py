"""Which process still lives."""

import os
import subprocess

import pytest

from strata import processes


@pytest.fixture
def sleeping():
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def test_a_process_lives_until_it_ends_even_if_nobody_reaps_it(sleeping):
    assert processes.alive(sleeping.pid)
    sleeping.kill()
    os.waitid(os.P_PID, sleeping.pid, os.WEXITED | os.WNOWAIT)
    assert not processes.alive(sleeping.pid)
    sleeping.wait()
    assert not processes.alive(sleeping.pid)


def test_a_number_given_again_is_another_process(sleeping):
    began = processes.began(sleeping.pid)
    assert processes.alive(sleeping.pid, began)
    assert not processes.alive(sleeping.pid, began - 1)
    assert began >= processes.began(os.getpid())


def test_a_number_that_no_process_has_is_none_that_lives():
    assert not processes.alive(10**30)
    assert processes.began(10**9) == 0


def test_the_process_of_another_user_lives(monkeypatch):
    def forbidden(pid, number):
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbidden)
    assert processes.alive(1)
