"""Training by several processes is the training of one."""

import os
import socket
import subprocess
import sys

import pandas as pd
import pytest
import torch

from strata.networks.owner import owned

pytestmark = pytest.mark.slow

PROGRAM = """
import functools, sys
import torch
from torch import distributed, nn
from strata.config.keys import Augment, Model, Training
from strata.networks.train import train

torch.set_num_threads(1)
distributed.init_process_group("gloo")
model = {model!r}
if model.arguments.pop("groups", False):
    model.arguments["norm_layer"] = functools.partial(nn.GroupNorm, 4)
train({shards}, model, training={training}, epochs_kept=[0], seed=0, state={state!r}).to_csv(
    {state!r} + "-%d.csv" % distributed.get_rank(), index=False
)
"""


@pytest.fixture
def train(digit_shards, training_config, tmp_path):
    """Train with some processes, and return the history of each."""

    def train(model, processes, name, **changes):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        state = str(tmp_path / name)
        changes = {"epochs": 2} | changes
        settings = f"{training_config!r}.model_copy(update={changes!r})"  # unchecked: a batch may have one image
        program = PROGRAM.format(model=model, shards=[str(p) for p in digit_shards], training=settings, state=state)
        about = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(processes)}
        running = [
            subprocess.Popen(
                [sys.executable, "-c", program],
                env=os.environ | about | {"RANK": str(rank)},
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(processes)
        ]
        told = [process.communicate()[1] for process in running]
        assert all(process.returncode == 0 for process in running), "".join(told)
        weights = torch.load(f"{state}/last.pt", weights_only=True)["model"]
        return [pd.read_csv(f"{state}-{rank}.csv") for rank in range(processes)], weights

    return train


def test_two_processes_train_as_one_does(train, model_config):
    """Without batch statistics they take the same steps, whatever share of a batch each gets."""
    model = model_config.model_copy(update={"source": "torchvision:resnet18", "arguments": {"groups": True}})
    uneven = {"batch_size": 13}  # 36 images in two shards: batches of 9, an odd number
    (one,), weights = train(model, 1, "one", **uneven)
    two, shared = train(model, 2, "two", **uneven)
    pd.testing.assert_frame_equal(two[0], two[1])
    pd.testing.assert_frame_equal(two[0], one, rtol=1e-3)
    for name, tensor in weights.items():
        torch.testing.assert_close(shared[name], tensor, rtol=0.01, atol=1e-3)


def test_with_batch_statistics_two_processes_learn_as_much(train, model_config):
    """On the CPU each has the statistics of its own share; the loss follows that of one process."""
    (one,), _ = train(model_config, 1, "one", epochs=4, learning_rate=0.02)
    two, _ = train(model_config, 2, "two", epochs=4, learning_rate=0.02)
    assert two[0]["loss"].tolist() == two[1]["loss"].tolist()
    assert two[0]["loss"].iloc[0] == pytest.approx(one["loss"].iloc[0], rel=1e-4)
    assert two[0]["loss"].tolist() == pytest.approx(one["loss"].tolist(), rel=0.02)
    assert one["loss"].iloc[-1] < 0.97 * one["loss"].iloc[0]


def test_all_processes_are_told_that_another_training_owns_the_state(train, model_config, tmp_path):
    with owned(tmp_path / "two"), pytest.raises(AssertionError) as told:
        train(model_config, 2, "two")
    assert str(told.value).count(f"two belongs to process {os.getpid()} on ") == 2


def test_fewer_images_than_processes_are_told(train, model_config):
    with pytest.raises(AssertionError, match=r"training\.batch_size: 1 images in a batch are fewer than 2 processes"):
        train(model_config, 2, "two", batch_size=1)
