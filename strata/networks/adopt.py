"""Networks that were trained elsewhere: files of weights, or published ones, made checkpoints of Strata."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from strata import store
from strata.config.keys import Model
from strata.device import compute_device
from strata.networks import checkpoints, train
from strata.networks.build import build
from strata.networks.head import head_of
from strata.networks.state_dicts import fit, published, read


def adopt(
    model: Model,
    files: dict[int, str],
    *,
    shards: Sequence[str | Path],
    seed: int,
    batch_size: int,
    outputs: dict[int, str],
) -> pd.DataFrame:
    """Write the checkpoints of a network that was trained elsewhere, and test each of them.

    Parameters
    ----------
    model
        The section `model` of the configuration.
    files
        Epoch to file; empty for published weights, which are epoch 1. Without one of epoch 0, that is a network of
        seeded random weights.
    shards
        Image shards.
    seed
        Of the untrained network.
    batch_size
        Images a forward pass.
    outputs
        Epoch to the checkpoint that is written.

    Returns
    -------
    DataFrame
        One row an epoch: epoch, loss and accuracy on test images; missing where the head tells other classes than
        those of the images.

    Raises
    ------
    StrataError
        If a file cannot be read, or does not fit the network.
    """
    with store.Shard(shards[0], kind="images") as shard:
        classes = len(shard.attributes["classes"])
    rows = []
    for epoch, output in outputs.items():
        network = build(model, classes, seed=seed)
        if epoch in files or (epoch and not files):
            weights = read(files[epoch]) if files else published(model)
            source = files[epoch] if files else f"config key model.weights: {model.weights}"
            fit(network, weights, source=source)
        checkpoints.save(output, network, epoch=epoch)
        tested = {}
        if len(head_of(network, model.head).weight) == classes:
            network.to(compute_device())
            tested = dict(
                zip(
                    ("loss", "accuracy"),
                    train.evaluate(network, shards, model=model, batch_size=batch_size),
                    strict=True,
                )
            )
        rows.append({"epoch": epoch, **tested})
    return pd.DataFrame(rows, columns=["epoch", "loss", "accuracy"])
