"""The head: the linear layer that gives the logits, and whose input is the penultimate layer."""

from difflib import get_close_matches

import numpy as np
from torch import nn

from strata.errors import StrataError


def head_of(model: nn.Module, name: str | None = None) -> nn.Linear | nn.Conv2d:
    """Return the linear layer that reads the penultimate activations.

    Parameters
    ----------
    model
        The network.
    name
        Of the module (config key model.head); None for the last linear layer, or, where there is none, the last 1 × 1
        convolution, which after pooling is the same.

    Raises
    ------
    StrataError
        If the network has none.
    """
    modules = dict(model.named_modules())
    linear = {own: module for own, module in modules.items() if isinstance(module, nn.Linear)}
    pointwise = {
        own: module for own, module in modules.items() if isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1)
    }
    heads = linear or pointwise
    if not heads:
        raise StrataError("the model has no linear head, and so no penultimate layer to find features in")
    if name is not None and name not in linear | pointwise:
        near = get_close_matches(name, heads, n=3, cutoff=0)
        raise StrataError(f"config key model.head: the model has no linear layer {name!r}; nearest: {', '.join(near)}")
    return (linear | pointwise)[name or list(heads)[-1]]


def head_weights(head: nn.Linear | nn.Conv2d) -> tuple[np.ndarray, np.ndarray]:
    """Return what a head multiplies by (classes × units) and adds (classes)."""
    weight = head.weight.detach().double().cpu().flatten(1).numpy()
    return weight, np.zeros(len(weight)) if head.bias is None else head.bias.detach().double().cpu().numpy()


def told(model: nn.Module, name: str | None = None) -> str:
    """Return the name and the size of a head, for a person to read.

    Parameters
    ----------
    model
        The network.
    name
        See `head_of`.
    """
    head = head_of(model, name)
    own = next(own for own, module in model.named_modules() if module is head)
    classes, units = head.weight.shape[:2]
    return f"{own}, {units} units to {classes} classes"
