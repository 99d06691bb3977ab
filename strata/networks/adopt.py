"""Networks that were trained elsewhere: files of weights, or published ones, made checkpoints of Strata."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from strata import store
from strata.config.keys import Model
from strata.device import compute_device
from strata.errors import StrataError
from strata.networks import checkpoints, train
from strata.networks.build import build
from strata.networks.head import head_of
from strata.networks.published import published

_NESTED = ("state_dict", "model", "model_state_dict", "model_state", "net", "network", "weights")
_PREFIXES = ("module.", "_orig_mod.")  # of DistributedDataParallel, of torch.compile


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


def read(path: str | Path) -> dict[str, Tensor]:
    """Read the weights in a file: a state dict, bare or nested under a key, or safetensors.

    Nothing but tensors and plain data is unpickled. A prefix that wrapping gave to all names is taken off.

    Parameters
    ----------
    path
        Of the file.

    Raises
    ------
    StrataError
        If it is damaged, holds other objects, or there is no state dict in it.
    """
    content = _content(Path(path))
    weights = _state_dict(content)
    if weights is None:
        keys = ", ".join(map(str, content)) if isinstance(content, dict) else type(content).__name__
        raise StrataError(f"{path} holds no state dict, bare or under one of {', '.join(_NESTED)}; found: {keys}")
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): tensor for name, tensor in weights.items()}
    return weights


def _content(path: Path) -> Any:
    """Return what is in a file of weights."""
    try:
        with open(path, "rb") as file:
            if zipfile.is_zipfile(file):  # what torch writes, but for its old versions
                checkpoints.whole(path)
    except OSError as error:
        raise StrataError(f"{path} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise StrataError(f"{error}; copy it again from where it comes") from error
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # both raise nearly anything; torch also advises to run the code in a file
        raise StrataError(
            f"{path} cannot be read as weights alone: it is damaged, or holds objects that are no tensors; "
            "save model.state_dict() by itself, or as safetensors"
        ) from error


def _state_dict(content: Any) -> dict[str, Tensor] | None:
    if not isinstance(content, dict) or not content:
        return None
    if all(isinstance(value, Tensor) for value in content.values()):
        return content
    return next((found for key in _NESTED if (found := _state_dict(content.get(key))) is not None), None)


def fit(network: nn.Module, weights: dict[str, Tensor], *, source: str) -> None:
    """Load weights into a network, which is changed in place.

    Parameters
    ----------
    network
        The network.
    weights
        Name to tensor.
    source
        Where they come from, for an error.

    Raises
    ------
    StrataError
        If they do not fit.
    """
    own = network.state_dict()
    # Files of old versions of torch lack these counters, which nothing reads in evaluation.
    counters = {name: own[name] for name in own if name.endswith(".num_batches_tracked")}
    weights = counters | weights
    if wrong := checkpoints.misfits(weights, network):
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise StrataError(f"{source} does not fit the model: {'; '.join(wrong[:3])}{more}")
    network.load_state_dict(weights)
