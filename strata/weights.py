"""Weights that were not trained here: files of a training elsewhere, or published ones, made checkpoints of Strata."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from strata import models, store, training
from strata.errors import StrataError

_NESTED = ("state_dict", "model", "model_state_dict", "model_state", "net", "network", "weights")
_PREFIXES = ("module.", "_orig_mod.")  # of DistributedDataParallel, of torch.compile


def adopt(
    model_config: dict[str, Any],
    files: dict[int, str],
    shards: Sequence[str | Path],
    seed: int,
    batch_size: int,
    outputs: dict[int, str],
) -> pd.DataFrame:
    """Write the checkpoints of a network that was trained elsewhere, and test each of them.

    Parameters
    ----------
    files
        Epoch to file; empty for published weights, which are epoch 1. Without one of epoch 0, that is a network of
        seeded random weights.
    shards
        Image shards.
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
        network = models.build(model_config, classes, seed)
        if epoch in files or (epoch and not files):
            weights = read(files[epoch]) if files else published(model_config)
            source = files[epoch] if files else f"config key model.weights: {model_config['weights']}"
            _load(network, weights, source)
        models.save(output, network, epoch)
        tested = {}
        if len(models.head_of(network, model_config["head"]).weight) == classes:
            network.to(models.device())
            tested = dict(
                zip(("loss", "accuracy"), training.evaluate(network, shards, model_config, batch_size), strict=True)
            )
        rows.append({"epoch": epoch, **tested})
    return pd.DataFrame(rows, columns=["epoch", "loss", "accuracy"])


def read(path: str | Path) -> dict[str, Tensor]:
    """Read the weights in a file: a state dict, bare or nested under a key, or safetensors.

    Nothing but tensors and plain data is unpickled. A prefix that wrapping gave to all names is taken off.

    Raises
    ------
    StrataError
        If there is no state dict in it.
    """
    try:
        if Path(path).suffix == ".safetensors":
            content: Any = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # both raise nearly anything on a damaged file
        reason = str(error).splitlines()[0]
        raise StrataError(
            f"{path} cannot be read as weights alone ({reason}); save model.state_dict() by itself, or as safetensors"
        ) from error
    weights = _state_dict(content)
    if weights is None:
        keys = ", ".join(map(str, content)) if isinstance(content, dict) else type(content).__name__
        raise StrataError(f"{path} holds no state dict, bare or under one of {', '.join(_NESTED)}; found: {keys}")
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): tensor for name, tensor in weights.items()}
    return weights


def published(model_config: dict[str, Any]) -> dict[str, Tensor]:
    """Return the weights that torchvision or timm publish under a name; they are downloaded once.

    Raises
    ------
    StrataError
        If they cannot be downloaded.
    """
    source, name = model_config["source"], model_config["weights"]
    try:
        if source.startswith("timm:"):
            timm = models.timm_module()
            return timm.create_model(f"{source.removeprefix('timm:')}.{name}", pretrained=True).state_dict()
        return models.torchvision_weights(model_config).get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise StrataError(
            f"config key model.weights: {name} of {source} cannot be downloaded ({reason}); download it elsewhere and "
            "name the file in model.checkpoints"
        ) from error


def _state_dict(content: Any) -> dict[str, Tensor] | None:
    if not isinstance(content, dict) or not content:
        return None
    if all(isinstance(value, Tensor) for value in content.values()):
        return content
    return next((found for key in _NESTED if (found := _state_dict(content.get(key))) is not None), None)


def _load(network: nn.Module, weights: dict[str, Tensor], source: str) -> None:
    own = network.state_dict()
    # Files of old versions of torch lack these counters, which nothing reads in evaluation.
    counters = {name: own[name] for name in own if name.endswith(".num_batches_tracked")}
    weights = counters | weights
    if wrong := models.misfits(weights, network):
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise StrataError(f"{source} does not fit the model: {'; '.join(wrong[:3])}{more}")
    network.load_state_dict(weights)
