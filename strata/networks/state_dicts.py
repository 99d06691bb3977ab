"""Weights that others wrote, in files or as published: read as tensors alone, and fitted to a network."""

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from strata.config.keys import Model
from strata.errors import StrataError
from strata.networks import checkpoints
from strata.networks.published import timm_module, torchvision_weights

_NESTED = ("state_dict", "model", "model_state_dict", "model_state", "net", "network", "weights")
_PREFIXES = ("module.", "_orig_mod.")  # of DistributedDataParallel, of torch.compile


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


def published(model: Model) -> dict[str, Tensor]:
    """Return the weights that torchvision or timm publish under a name; they are downloaded once.

    Raises
    ------
    StrataError
        If they cannot be downloaded, or those that were are damaged.
    """
    source, name = model.source, model.weights
    try:
        if source.startswith("timm:"):
            timm = timm_module()
            return timm.create_model(f"{source.removeprefix('timm:')}.{name}", pretrained=True).state_dict()
        return read(_downloaded(torchvision_weights(model).url))
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise StrataError(
            f"config key model.weights: {name} of {source} cannot be downloaded ({reason}); download it elsewhere and "
            "name the file in model.checkpoints"
        ) from error


def _downloaded(url: str) -> Path:
    """Return the file that torch keeps of an address; its name ends in how the digest of what it holds begins."""
    path = Path(torch.hub.get_dir(), "checkpoints", url.rpartition("/")[2])
    begins = path.stem.rpartition("-")[2]
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=begins, progress=False)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(begins):
        raise StrataError(f"{path} is damaged (its digest does not begin with {begins}); remove it, and run again")
    return path


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
