"""Images as a network wants them."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from strata.config.keys import Model
from strata.networks.published import timm_weights, torchvision_weights

_MIDDLE = [0.5, 0.5, 0.5]


def normalised(images: Tensor, model: Model) -> Tensor:
    """Return uint8 images (n × 3 × height × width) as the network wants them: (x / 255 − mean) / std.

    Parameters
    ----------
    images
        uint8, n × 3 × height × width.
    model
        The section `model` of the configuration.
    """
    mean, std = (torch.tensor(values, device=images.device).view(1, 3, 1, 1) for values in preprocessing(model))
    return images.float() * (1 / (255 * std)) - mean / std


def preprocessing(model: Model) -> tuple[Sequence[float], Sequence[float]]:
    """Return mean and standard deviation per channel: the configured ones, else the weights', else 0.5."""
    declared: Any = None
    if not (model.mean and model.std) and model.weights:
        of_timm = model.source.startswith("timm:")
        declared = timm_weights(model) if of_timm else torchvision_weights(model).transforms()
    return model.mean or (declared.mean if declared else _MIDDLE), model.std or (declared.std if declared else _MIDDLE)
