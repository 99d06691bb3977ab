"""What tests on a real Slurm cluster share."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cluster import Cluster, held, lacking
from workplace import CHECKPOINTS, SEED, Workplace, differing, made_once


@pytest.fixture(scope="session", autouse=True)
def _a_cluster() -> None:
    if why := lacking():
        pytest.skip(why)


@pytest.fixture(scope="session")
def finished(shared: Path) -> Workplace:
    """The tiny run, as far as its own features are probed."""
    probed = (f"{SEED}/vinfo/own/{checkpoint}/linear/stem-to-penultimate.h5" for checkpoint in CHECKPOINTS)
    return made_once(shared / "finished", *probed, changes={"jobs": "many"})


@pytest.fixture
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, shared: Path
) -> Iterator[Cluster]:
    """The cluster; what a failed test leaves in the queue is cancelled."""
    with held(shared, alone="alone" in request.keywords):
        cluster = Cluster(tmp_path_factory.getbasetemp())
        yield cluster
        cluster.cancel()
    time.sleep(1.1)  # `since` counts whole seconds


@pytest.fixture
def probes(again: Workplace) -> list[str]:
    """Names of three files that jobs of one rule make, removed from a finished run."""
    names = [f"{SEED}/vinfo/own/{checkpoint}/linear/stem-to-penultimate.h5" for checkpoint in CHECKPOINTS]
    again.remove(*names)
    return names


@pytest.fixture
def right(finished: Workplace, again: Workplace) -> Callable[[], bool]:
    """Tell whether a run has made the bytes that it should, and nothing is left that it was writing."""
    return lambda: differing(finished, again, ["seed-0/vinfo/own/**/*.h5"]) == [] and again.temporary() == []
