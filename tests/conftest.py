"""Whole runs that workflow tests and Slurm tests start from."""

import shutil

import pytest
from filelock import FileLock
from jaxtyping import install_import_hook
from workplace import Workplace

# Types, and the shapes in them, are checked by beartype wherever tests call these modules.
CHECKED = install_import_hook(["strata.probes", "strata.features.codes"], "beartype.beartype")


SPREAD = {
    "test_bad_input.py",
    "test_plans.py",
    "test_reruns.py",
}  # files whose tests share nothing but the finished run


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Keep the tests of a file together, which share what is made for them; whole runs come first, small ones last."""
    for item in items:
        if item.path.name not in SPREAD:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    items.sort(key=lambda item: (item.path.name in SPREAD, "workflow" not in item.keywords))


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id):
    """A whole run of the tiny configuration, one for all processes of pytest; tests only read it, or copy it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "finished"
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            beginning = Workplace.new(folder.with_suffix(".beginning"))
            done = beginning.make()
            assert done.code == 0, done.output
            beginning.folder.rename(folder)
    return Workplace(folder)


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
