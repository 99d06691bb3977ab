"""Networks: Strata's small residual one, those of torchvision and timm, one's own; and their checkpoints."""

import inspect
import io
import sys
import zipfile
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
import torchvision
from torch import Tensor, nn

from strata import store
from strata.errors import StrataError


class Block(nn.Module):
    """A basic residual block: two 3×3 convolutions beside an identity or 1×1 skip branch (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        reshaped = stride != 1 or inputs != outputs
        self.skip = (
            nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
            if reshaped
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(main(x) + skip(x))."""
        return torch.relu(self.main(x) + self.skip(x))


class ResNet(nn.Module):
    """A residual network for small images.

    Parameters
    ----------
    num_classes
        Size of the head.
    depths
        Blocks per resolution; the resolution halves and the channels double from one to the next.
    width
        Channels of the first resolution.
    """

    def __init__(self, num_classes: int, depths: Sequence[int] = (2, 2, 2, 2), width: int = 16) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        blocks, channels = [], width
        for level, depth in enumerate(depths):
            for i in range(depth):
                outputs = width * 2**level
                blocks.append(Block(channels, outputs, 2 if level and i == 0 else 1))
                channels = outputs
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (images × classes) of images (images × 3 × height × width)."""
        return self.head(self.pool(self.blocks(self.stem(x))).flatten(1))


def build(model_config: dict[str, Any], classes: int, seed: int = 0) -> nn.Module:
    """Make an untrained network with seeded weights.

    Parameters
    ----------
    model_config
        The section `model` of the configuration.
    classes
        Size of the head, unless published weights or `model.arguments` tell another (num_classes).

    Raises
    ------
    StrataError
        If there is no such network, or it refuses the arguments.
    """
    source, arguments = model_config["source"], model_config["arguments"]
    place, name = source.split(":", 1)
    make = {"strata": _strata, "torchvision": _torchvision, "timm": _timm, "python": _imported}[place](name)
    if place != "python" or _takes_classes(make):
        arguments = {"num_classes": _published_classes(model_config) or classes} | arguments
    torch.manual_seed(seed)
    try:
        network = make(**arguments)
    except Exception as error:  # a constructor raises nearly anything on arguments that it was not made for
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise StrataError(f"config key model.arguments: {source} refuses them ({reason})") from error
    if not isinstance(network, nn.Module):
        raise StrataError(f"config key model.source: {source} must return a torch.nn.Module; found {type(network)}")
    return network


def _strata(name: str) -> Callable[..., nn.Module]:
    return ResNet if name == "resnet" else _unknown("strata", name, ["resnet"])


def _torchvision(name: str) -> Callable[..., nn.Module]:
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
        return getattr(import_module(module), function)
    except Exception as error:  # importing runs the module's own code
        raise StrataError(
            f"config key model.source: {function or 'the function'} of the module {module} cannot be imported ({error})"
        ) from error
    finally:
        sys.path.remove(str(Path.cwd()))


def _takes_classes(make: Callable[..., nn.Module]) -> bool:
    parameters = inspect.signature(make).parameters.values()
    return any(p.name == "num_classes" or p.kind is p.VAR_KEYWORD for p in parameters)


def _unknown(place: str, name: str, known: Sequence[str]) -> NoReturn:
    near = get_close_matches(name, known, n=3) or known[:3]
    raise StrataError(f"config key model.source: {place} has no model {name!r}; nearest: {', '.join(near)}")


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


def torchvision_weights(model_config: dict[str, Any]) -> Any:
    """Return the named weights of a torchvision model: an entry of its enumeration.

    Raises
    ------
    StrataError
        If there are none of that name.
    """
    known = torchvision.models.get_model_weights(model_config["source"].partition(":")[2])
    if model_config["weights"] not in known.__members__:
        _unpublished(model_config, list(known.__members__))
    return known[model_config["weights"]]


def timm_weights(model_config: dict[str, Any]) -> Any:
    """Return what timm tells of the named weights of one of its models.

    Raises
    ------
    StrataError
        If there are none of that name.
    """
    timm, name = timm_module(), model_config["source"].partition(":")[2]
    known = [entry.partition(".")[2] for entry in timm.list_pretrained(f"{name}.*")]
    if model_config["weights"] not in known:
        _unpublished(model_config, known)
    return timm.get_pretrained_cfg(f"{name}.{model_config['weights']}")


def _unpublished(model_config: dict[str, Any], known: Sequence[str]) -> NoReturn:
    raise StrataError(
        f"config key model.weights: {model_config['source']} has no weights {model_config['weights']!r}; "
        f"allowed: {', '.join(known) or 'none'}"
    )


def _published_classes(model_config: dict[str, Any]) -> int | None:
    """Return the size of the head that published weights were trained with; None where there are none."""
    if not model_config["weights"]:
        return None
    if model_config["source"].startswith("timm:"):
        return timm_weights(model_config).num_classes
    return len(torchvision_weights(model_config).meta["categories"])


def preprocessing(model_config: dict[str, Any]) -> tuple[Sequence[float], Sequence[float]]:
    """Return mean and standard deviation per channel: the configured ones, else the weights', else 0.5."""
    declared: Any = None
    if not (model_config["mean"] and model_config["std"]) and model_config["weights"]:
        of_timm = model_config["source"].startswith("timm:")
        declared = timm_weights(model_config) if of_timm else torchvision_weights(model_config).transforms()
    mean, std = (
        model_config[key] or (getattr(declared, key) if declared else [0.5, 0.5, 0.5]) for key in ("mean", "std")
    )
    return mean, std


def normalised(images: Tensor, model_config: dict[str, Any]) -> Tensor:
    """Return uint8 images (n × 3 × height × width) as the network wants them: (x / 255 − mean) / std."""
    mean, std = (torch.tensor(values, device=images.device).view(1, 3, 1, 1) for values in preprocessing(model_config))
    return images.float() * (1 / (255 * std)) - mean / std


def save(path: str | Path, model: nn.Module, epoch: int) -> None:
    """Write a checkpoint; the same weights give the same bytes."""
    store.write_bytes(path, packed({"epoch": epoch, "model": model.state_dict()}))


def packed(content: dict[str, Any]) -> memoryview:
    """Return what torch.save writes, free of the file name that it would otherwise embed."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getbuffer()


def load(path: str | Path, model: nn.Module) -> str:
    """Load a checkpoint's weights into a network.

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
        content = Path(path).read_bytes()
        if zipfile.ZipFile(io.BytesIO(content)).testzip():  # torch does not look at the checksums
            raise ValueError("a checksum differs")
        weights = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)["model"]
        if not all(isinstance(tensor, Tensor) for tensor in weights.values()):
            raise ValueError("not all weights are tensors")
    except Exception as error:  # torch.load raises nearly anything on a damaged file
        raise StrataError(f"{path} is missing, damaged or no checkpoint of Strata; {rebuild}") from error
    if wrong := misfits(weights, model):
        raise StrataError(f"{path} does not fit the model: {'; '.join(wrong[:3])}; {rebuild}")
    model.load_state_dict(weights)
    return store.digest(content)


def misfits(weights: dict[str, Tensor], model: nn.Module) -> list[str]:
    """Say in what some weights differ from those that a network has, by name and shape."""
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


def head_of(model: nn.Module, name: str | None = None) -> nn.Linear | nn.Conv2d:
    """Return the linear layer that reads the penultimate activations.

    Parameters
    ----------
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


def device() -> torch.device:
    """Return CUDA where there is a GPU, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
