"""Networks, untrained: Strata's own, those of torchvision and timm, one's own."""

import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import nn

from strata.config.keys import Model
from strata.errors import StrataError
from strata.networks.published import published_classes, timm_module
from strata.networks.resnet import ResNet


def build(model: Model, classes: int, *, seed: int = 0) -> nn.Module:
    """Make an untrained network with seeded weights.

    Parameters
    ----------
    model
        The section `model` of the configuration.
    classes
        Size of the head, unless published weights or `model.arguments` tell another (num_classes).
    seed
        Of the weights.

    Raises
    ------
    StrataError
        If there is no such network, it refuses the arguments, or one's own factory fails.
    """
    source, arguments = model.source, model.arguments
    place, name = source.split(":", 1)
    make = {"strata": _strata, "torchvision": _torchvision, "timm": _timm, "python": _imported}[place](name)
    if place != "python" or _takes_classes(make):
        arguments = {"num_classes": published_classes(model) or classes} | arguments
    torch.manual_seed(seed)
    try:
        network = make(**arguments)
    except Exception as error:  # a constructor raises nearly anything on arguments that it was not made for
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if place == "python" and _binds(make, arguments):
            raise StrataError(
                f"config key model.source: {source} failed {_raised_at(error)}, given {_told(arguments)}: "
                f"{type(error).__name__}: {reason}"
            ) from error
        raise StrataError(f"config key model.arguments: {source} refuses them ({reason})") from error
    if not isinstance(network, nn.Module):
        raise StrataError(f"config key model.source: {source} must return a torch.nn.Module; found {type(network)}")
    return network


def _strata(name: str) -> Callable[..., nn.Module]:
    return ResNet if name == "resnet" else _unknown("strata", name, ["resnet"])


def _torchvision(name: str) -> Callable[..., nn.Module]:
    import torchvision  # here, because it takes as long as a small job

    known = torchvision.models.list_models()
    return (
        partial(torchvision.models.get_model, name, weights=None)
        if name in known
        else _unknown("torchvision", name, known)
    )


def _timm(name: str) -> Callable[..., nn.Module]:
    timm = timm_module()
    known = timm.list_models()
    return partial(timm.create_model, name) if name in known else _unknown("timm", name, known)


def _imported(name: str) -> Callable[..., nn.Module]:
    """Import a factory, `<module>:<function>`; the folder that Snakemake was started in is searched first."""
    module, _, function = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        make = getattr(import_module(module), function)
        inspect.signature(make)  # what cannot be called has none
        return make
    except Exception as error:  # importing runs the module's own code
        raise StrataError(
            f"config key model.source: {function or 'the function'} of the module {module} cannot be imported ({error})"
        ) from error
    finally:
        sys.path.remove(str(Path.cwd()))


def _takes_classes(make: Callable[..., nn.Module]) -> bool:
    parameters = inspect.signature(make).parameters.values()
    return any(p.name == "num_classes" or p.kind is p.VAR_KEYWORD for p in parameters)


def _binds(make: Callable[..., nn.Module], arguments: dict[str, Any]) -> bool:
    """Say whether a factory takes such arguments, so that what it raises is its own error."""
    try:
        inspect.signature(make).bind(**arguments)
    except TypeError:
        return False
    return True


def _raised_at(error: Exception) -> str:
    """Return where a factory failed: the last line of its own file that was reached."""
    call, *frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == frames[0].filename] or [call]
    return f"at {own[-1].filename}:{own[-1].lineno}"


def _told(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items()) or "no arguments"


def _unknown(place: str, name: str, known: Sequence[str]) -> NoReturn:
    near = get_close_matches(name, known, n=3) or known[:3]
    raise StrataError(f"config key model.source: {place} has no model {name!r}; nearest: {', '.join(near)}")
