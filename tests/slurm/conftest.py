"""What tests on a real Slurm cluster share."""

import time
from collections.abc import Iterator

import pytest
from cluster import Cluster, lacking


@pytest.fixture(scope="session", autouse=True)
def _a_cluster() -> None:
    if why := lacking():
        pytest.skip(why)


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster; what a failed test leaves in the queue is cancelled."""
    cluster = Cluster(tmp_path_factory.getbasetemp())
    yield cluster
    cluster.cancel()
    time.sleep(1.1)  # `since` counts whole seconds
