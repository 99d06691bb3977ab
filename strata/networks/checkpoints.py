"""Checkpoints: a network's weights after some epoch, in a file that is checked whenever it is read."""

import io
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from strata import store
from strata.config.keys import Model
from strata.device import compute_device
from strata.errors import StrataError
from strata.networks.build import build

_FOLDER = 0x10  # the attribute of a folder, in a zip file


def save(path: str | Path, model: nn.Module, *, epoch: int) -> None:
    """Write a checkpoint; the same weights give the same bytes, on whatever device they are.

    Parameters
    ----------
    path
        Of the checkpoint.
    model
        The network.
    epoch
        After which it is as it is.
    """
    weights = {name: tensor.cpu() for name, tensor in model.state_dict().items()}
    store.write_bytes(path, packed({"epoch": epoch, "model": weights}))


def packed(content: dict[str, Any]) -> memoryview:
    """Return what torch.save writes, free of the file name that it would otherwise embed."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getbuffer()


def unpacked(content: bytes) -> Any:
    """Return what was packed, of which nothing but tensors and plain data is unpickled."""
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def whole(path: str | Path) -> bytes:
    """Return the bytes of a file that torch.save wrote, after a look at its checksums: torch takes none.

    Parameters
    ----------
    path
        Of the file.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    content = Path(path).read_bytes()
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        damaged = archive.testzip()
    except Exception as error:  # zipfile raises nearly anything on a damaged structure
        raise ValueError(f"{path} is damaged") from error
    # What counts as a folder, torch takes for empty, and fills its tensors with whatever is in memory.
    if damaged or any(part.external_attr & _FOLDER for part in archive.infolist()):
        raise ValueError(f"{path} is damaged (a checksum or a header is wrong)")
    return content


def load(path: str | Path, model: nn.Module) -> str:
    """Load a checkpoint's weights into a network.

    Parameters
    ----------
    path
        Of the checkpoint.
    model
        The network, which is changed in place.

    Returns
    -------
    str
        The checkpoint's digest.

    Raises
    ------
    StrataError
        If the file is damaged or its weights do not fit; names the first tensors that differ.
    """
    rebuild = store.rebuild(path)
    try:
        content = whole(path)
        weights = unpacked(content)["model"]
        if not all(isinstance(tensor, Tensor) for tensor in weights.values()):
            raise ValueError("not all weights are tensors")
    except Exception as error:  # torch.load raises nearly anything on a damaged file
        raise StrataError(f"{path} is missing, damaged or no checkpoint of Strata; {rebuild}") from error
    if wrong := misfits(weights, model):
        raise StrataError(f"{path} does not fit the model: {'; '.join(wrong[:3])}; {rebuild}")
    model.load_state_dict(weights)
    return store.digest(content)


def restored(path: str | Path, model: Model, *, classes: int) -> tuple[nn.Module, str]:
    """Return the network of a checkpoint, on its device and in evaluation mode, and the checkpoint's digest.

    Parameters
    ----------
    path
        Of the checkpoint.
    model
        The section `model` of the configuration.
    classes
        Of the images (see `strata.networks.build.build`).

    Raises
    ------
    StrataError
        See `load`.
    """
    network = build(model, classes)
    digest = load(path, network)
    return network.to(compute_device()).eval(), digest


def misfits(weights: dict[str, Tensor], model: nn.Module) -> list[str]:
    """Say in what some weights differ from those that a network has, by name and shape.

    Parameters
    ----------
    weights
        Name to tensor, as a state dict has them.
    model
        The network.
    """
    own = model.state_dict()
    missing = [f"{k} is missing" for k in own if k not in weights]
    unknown = [f"{k} is not in the model" for k in weights if k not in own]
    return (
        missing
        + unknown
        + [
            f"{k} has shape {tuple(weights[k].shape)}, the model {tuple(own[k].shape)}"
            for k in own
            if k in weights and weights[k].shape != own[k].shape
        ]
    )
