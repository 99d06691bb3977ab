"""A cluster of several nodes (tests/slurm/cluster.sh start --nodes 3)."""

import subprocess

import pytest
from cluster import LIMIT, QUICK, end, nodes, pid, up, update, wait_for
from workplace import RUN, SEED, Workplace, differing

pytestmark = pytest.mark.slurm

HISTORY = f"{SEED}/training.csv"
TOGETHER = {
    "training.epochs": 3,
    "training.checkpoints": [],
    "training.threads": 1,
    "training.launcher": "submitit",
}
WIDE = {"data.shards": 30}  # an array of as many jobs
DECODED = [f"{RUN}/images/shard-{i:03d}.h5" for i in range(30)]


@pytest.fixture(scope="module", autouse=True)
def three():
    """The names of the nodes."""
    found = nodes()
    if len(found) < 3:
        pytest.skip(f"the cluster has {len(found)} node(s); tests/slurm/cluster.sh start --nodes 3 starts one of three")
    return found


def test_processes_on_two_nodes_train_as_two_on_one(finished, tmp_path, cluster):
    made = []
    for name, asked in (("apart", {"training.nodes": 2}), ("together", {"training.tasks_per_node": 2})):
        place = finished.copy(tmp_path / name)
        place.remove(SEED, f"{RUN}/provenance.json")
        done = place.snakemake(*QUICK, "--", HISTORY, changes=TOGETHER | asked)
        assert done.code == 0, done.output
        made.append(place)
    assert ["[" in job.nodes or "," in job.nodes for job in cluster.ended()] == [True, False]
    assert differing(*made, ["seed-0/checkpoints/*.pt"]) == []


@pytest.fixture(scope="module")
def indexed(tmp_path_factory):
    """Images that are listed, and not decoded yet."""
    place = Workplace.new(tmp_path_factory.mktemp("nodes") / "indexed", {**WIDE, "jobs": "many"})
    done = place.make(f"{RUN}/images/index.csv")
    assert done.code == 0, done.output
    return place


@pytest.fixture(scope="module")
def locally(indexed, tmp_path_factory):
    """The same, decoded without Slurm."""
    place = indexed.copy(tmp_path_factory.mktemp("nodes") / "locally")
    place.changes = WIDE  # one job of all
    done = place.make(*DECODED)
    assert done.code == 0, done.output
    return place


def same(place, locally):
    assert differing(place, locally, ["images/*.h5"]) == []
    assert place.temporary() == []


def test_an_array_is_spread_over_all_nodes(indexed, locally, tmp_path, cluster, three):
    place = indexed.copy(tmp_path / "place")
    done = place.snakemake(*QUICK, "--", *DECODED)
    assert done.code == 0, done.output
    jobs = cluster.ended()
    assert len(jobs) == 30
    assert len({job.number.split("_")[0] for job in jobs}) == 1
    assert {job.nodes for job in jobs} == set(three)
    same(place, locally)


def test_a_node_that_is_lost_in_the_middle_and_comes_back_changes_nothing(indexed, locally, tmp_path, cluster, three):
    place, lost = indexed.copy(tmp_path / "place"), three[1]
    running = place.start(*QUICK, "--", *DECODED)
    try:
        wait_for(lambda: lost in {job.nodes for job in cluster.queue("RUNNING")}, f"a job on {lost}")
        end(pid("Slurmd", lost))
        update(lost, "down")
        wait_for(lambda: len(place.files("images/*.h5")) >= 10, "ten shards")
    finally:
        subprocess.run(["slurmd", "-N", lost], check=True)
        wait_for(lambda: up(lost), f"the return of {lost}")  # by itself, as its daemon says that it is there
    assert running.wait(LIMIT) == 0, place.said
    states = [job.state for job in cluster.ended()]
    assert "NODE_FAIL" in states
    assert states.count("COMPLETED") == 30
    same(place, locally)
