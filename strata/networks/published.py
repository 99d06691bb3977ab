"""What torchvision and timm tell of the weights that they publish: names, heads, preprocessing."""

from collections.abc import Sequence
from typing import Any, NoReturn

from strata.config.keys import Model
from strata.errors import StrataError


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
