"""Weights that torchvision and timm publish: their names, heads and preprocessing; and the weights themselves."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor

from strata.config.keys import Model
from strata.errors import StrataError
from strata.networks.state_dicts import read


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


def timm_module() -> Any:
    """Import timm, an extra.

    Raises
    ------
    StrataError
        If it is not installed.
    """
    try:
        import timm
    except ImportError as error:
        raise StrataError(
            "config key model.source: timm is not installed; pip install 'strata-vision[timm]'"
        ) from error
    return timm


def torchvision_weights(model: Model) -> Any:
    """Return the named weights of a torchvision model: an entry of its enumeration.

    Raises
    ------
    StrataError
        If there are none of that name.
    """
    import torchvision  # here, because it takes as long as a small job

    known = torchvision.models.get_model_weights(model.source.partition(":")[2])
    if model.weights not in known.__members__:
        _unpublished(model, list(known.__members__))
    return known[model.weights]


def timm_weights(model: Model) -> Any:
    """Return what timm tells of the named weights of one of its models.

    Raises
    ------
    StrataError
        If there are none of that name.
    """
    timm, name = timm_module(), model.source.partition(":")[2]
    known = [entry.partition(".")[2] for entry in timm.list_pretrained(f"{name}.*")]
    if model.weights not in known:
        _unpublished(model, known)
    return timm.get_pretrained_cfg(f"{name}.{model.weights}")


def published_classes(model: Model) -> int | None:
    """Return the size of the head that published weights were trained with; None where there are none."""
    if not model.weights:
        return None
    if model.source.startswith("timm:"):
        return timm_weights(model).num_classes
    return len(torchvision_weights(model).meta["categories"])


def _unpublished(model: Model, known: Sequence[str]) -> NoReturn:
    raise StrataError(
        f"config key model.weights: {model.source} has no weights {model.weights!r}; "
        f"allowed: {', '.join(known) or 'none'}"
    )
