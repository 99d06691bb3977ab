"""Whole runs that workflow tests and Slurm tests start from."""

import shutil

import pytest
from workplace import Workplace


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A whole run of the tiny configuration; tests only read it, or copy it."""
    place = Workplace.new(tmp_path_factory.mktemp("workflow") / "finished")
    done = place.make()
    assert done.code == 0, done.output
    return place


@pytest.fixture
def again(finished, tmp_path):
    """A copy of the finished run, to change."""
    yield finished.copy(tmp_path / "again")
    shutil.rmtree(tmp_path / "again")


@pytest.fixture
def fresh(tmp_path):
    """A folder in which nothing has run."""
    yield Workplace.new(tmp_path / "fresh")
    shutil.rmtree(tmp_path / "fresh")
