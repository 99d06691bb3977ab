"""Training as a Slurm job of its own (training.launcher: submitit)."""

import re
import shutil
import subprocess

import pandas as pd
import pytest
from cluster import LIMIT, QUICK, wait_for
from workplace import RUN, SEED, differing

pytestmark = pytest.mark.slurm

HISTORY = f"{SEED}/training.csv"
# Time enough to interrupt it; and longer than the 30 s in which Slurm looks once at what nears its time limit.
LONG = {"training.epochs": 45, "training.checkpoints": [15, 30], "training.threads": 1}
LONGER = LONG | {"training.epochs": 110}
JOB = {"training.launcher": "submitit"}


@pytest.fixture(scope="module")
def references(finished, tmp_path_factory):
    """Both trainings in Snakemake's own job, by their epochs."""
    places = {}
    for changes in (LONG, LONGER):
        epochs = changes["training.epochs"]
        place = untrained(finished, tmp_path_factory.mktemp("training") / f"of-{epochs}")
        done = place.make(HISTORY, changes=changes)
        assert done.code == 0, done.output
        places[epochs] = place
    return places


def untrained(finished, folder):
    """Copy the finished run's images, and no training, nor what tells of one."""
    place = finished.copy(folder)
    place.remove(SEED, f"{RUN}/provenance.json")
    return place


@pytest.fixture
def place(finished, tmp_path):
    """A folder with images and no training."""
    yield untrained(finished, tmp_path / "place")
    shutil.rmtree(tmp_path / "place", ignore_errors=True)


def start(place, changes=LONG):
    return place.start(*QUICK, "--", HISTORY, changes=changes | JOB)


def number(place):
    """Return the number of the job that its rule has told in its log."""
    pattern = r"(?:submitted )?Slurm job (\d+) \(train-tiny-seed-0"
    return wait_for(lambda: next(iter(re.findall(pattern, place.logs)), ""), "a training job")


def epochs(place):
    """Return the epochs that the job has told in its log, the last start's last."""
    logs = place.path(f"{SEED}/training-state").glob("*/slurm/*_0_log.out")
    return [int(epoch) for log in logs for epoch in re.findall(r"^epoch +(\d+) ", log.read_text(), re.M)]


def wait_for_epochs(place, count):
    """Wait until so many epochs have been told, those of earlier starts among them."""
    wait_for(lambda: len(epochs(place)) >= count, f"{count} epochs")


def same(place, references, changes=LONG):
    reference = references[changes["training.epochs"]]
    assert len(reference.files("seed-0/checkpoints/*.pt")) == 4
    assert differing(place, reference, ["seed-0/checkpoints/*.pt", "seed-0/training.csv"]) == []
    assert not place.path(f"{SEED}/training-state").exists()


def test_a_training_signalled_before_its_time_limit_is_queued_again_until_it_ends(place, references, cluster):
    profile = place.path("slurm/config.yaml")
    text = profile.read_text()
    short = text.replace("runtime: 1440 * attempt", "runtime: 1")
    assert short != text
    profile.write_text(short)
    running = start(place, LONGER)
    assert running.wait(LIMIT) == 0, place.said
    assert cluster.starts(number(place)) >= 2
    assert "more steps" in place.logs  # it went on within an epoch, or after one
    same(place, references, LONGER)


def test_a_preempted_or_requeued_training_goes_on(place, references, cluster):
    running = start(place)
    job = number(place)
    wait_for_epochs(place, 5)
    subprocess.run(["scancel", "--signal=USR2", job], check=True)
    wait_for(lambda: cluster.starts(job) == 2, "a second start")
    wait_for_epochs(place, len(epochs(place)) + 5)
    subprocess.run(["scontrol", "requeue", job], check=True)
    assert running.wait(LIMIT) == 0, place.said
    assert cluster.starts(job) == 3
    same(place, references)


def test_training_outlives_snakemake_and_the_next_one_waits_for_it(place, references, cluster):
    running = start(place)
    job = number(place)
    wait_for_epochs(place, 3)
    place.kill_when(lambda: True, running)
    assert any(job == own.number for own in cluster.queue("RUNNING"))
    assert place.snakemake(*QUICK, "--unlock", changes=LONG | JOB).code == 0
    again = start(place)
    assert again.wait(LIMIT) == 0, place.said
    assert f"Slurm job {job} " in place.logs
    assert "is at it already" in place.logs
    assert {own.number for own in cluster.ended()} == {job}
    assert cluster.starts(job) == 1
    same(place, references)


def test_two_tasks_train_one_network_with_a_device_each(place, cluster):
    short = {"training.epochs": 3, "training.checkpoints": [], "training.threads": 1, "training.learning_rate": 0.005}
    one = place.snakemake(*QUICK, "--", HISTORY, changes=short | JOB)
    assert one.code == 0, one.output
    expected = pd.read_csv(place.path(HISTORY))
    place.remove(SEED)
    two = place.snakemake(*QUICK, "--", HISTORY, changes=short | JOB | {"training.tasks_per_node": 2})
    assert two.code == 0, two.output
    found = pd.read_csv(place.path(HISTORY))
    assert found["loss"].tolist() == pytest.approx(expected["loss"].tolist(), rel=0.02)
    assert found["loss"].iloc[-1] < 0.9 * found["loss"].iloc[0]
    assert [("gres/gpu=2" in job.resources) for job in cluster.ended()] == [False, True]


def test_an_error_in_the_job_is_told_in_one_line(place, cluster):
    wild = LONG | JOB | {"training.learning_rate": 1e30, "training.schedule": "cosine"}
    done = place.snakemake(*QUICK, "--retries", "0", "--", HISTORY, changes=wild)
    assert done.code != 0
    assert "Error: training diverged in epoch 1; lower training.learning_rate" in done.errors
    assert not place.path(HISTORY).exists()


def test_a_cancelled_training_job_tells_where_its_log_is(place, cluster):
    running = place.start(*QUICK, "--retries", "0", "--", HISTORY, changes=LONG | JOB)
    job = number(place)
    wait_for_epochs(place, 1)
    subprocess.run(["scancel", job], check=True)
    assert running.wait(LIMIT) != 0
    assert re.search(rf"Error: training job {job} ended as CANCELLED.*; its log: \S+{job}\S+", place.said)
    assert not place.path(f"{RUN}/seed-0/checkpoints").exists()
