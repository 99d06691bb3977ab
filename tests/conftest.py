"""Whole runs that workflow tests and Slurm tests start from."""

import shutil
import sys

import pytest
import slipcover
from jaxtyping import install_import_hook
from jaxtyping._import_hook import _JaxtypingLoader
from workplace import Workplace, made_once


def _compiled(loader, name):
    """Compile a checked module whenever it is imported.

    Slipcover asks for its code where Python keeps all code: what is checked would be kept there for others, who know no
    beartype, and what others have kept would be taken, and not be checked.
    """
    path = loader.get_filename(name)
    return loader.source_to_code(loader.get_data(path), path)


# Types, and the shapes in them, are checked by beartype wherever tests call these modules.
_JaxtypingLoader.get_code = _compiled
CHECKED = install_import_hook(["strata.probes", "strata.features.codes"], "beartype.beartype")

# Coverage is of what these hooks find too, and in every process of pytest of what is found by its path, as scripts are.
for finder in [finder for finder in sys.meta_path if isinstance(finder, slipcover.importer.SlipcoverMetaPathFinder)]:
    sys.meta_path.remove(finder)
    sys.meta_path.insert(0, finder)
    slipcover.wrap_spec_from_file_location(finder.sci, finder.file_matcher)


# Files side by side end together if those that take longest begin first; what needs the cluster alone, early.
LONGEST = [
    *("training_job", "controller", "on_slurm", "faults_of_nodes"),
    *("killed_runs", "ground_truth", "module", "networks", "whole_runs", "perceptrons"),
]


def pytest_collection_modifyitems(items):
    """Put the longest files first, then other workflow tests, then unit tests."""

    def place(item):
        name = item.path.stem.removeprefix("test_")
        return LONGEST.index(name) if name in LONGEST else len(LONGEST) + ("workflow" not in item.keywords)

    items.sort(key=place)


@pytest.fixture(scope="session")
def shared(tmp_path_factory, worker_id):
    """A folder that all processes of pytest share."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def finished(shared):
    """A whole run of the tiny configuration, by many jobs."""
    return made_once(shared / "finished", changes={"jobs": "many"})


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
