"""Networks: the small residual network of the default, torchvision's, and their checkpoints."""

import io
import zipfile
from collections.abc import Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

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


def build(source: str, arguments: dict[str, Any], classes: int, seed: int = 0) -> nn.Module:
    """Make an untrained network with seeded weights.

    Raises
    ------
    StrataError
        If there is no such network, or it refuses the arguments.
    """
    place, name = source.split(":", 1)
    torch.manual_seed(seed)
    known = ["resnet"] if place == "strata" else torchvision.models.list_models()
    if name not in known:
        near = get_close_matches(name, known, n=3) or known[:3]
        raise StrataError(f"config key model.source: {place} has no model {name!r}; nearest: {', '.join(near)}")
    make = ResNet if place == "strata" else partial(torchvision.models.get_model, name, weights=None)
    try:
        return make(num_classes=classes, **arguments)
    except Exception as error:  # a constructor raises nearly anything on arguments that it was not made for
        reason = str(error).splitlines()[0]
        raise StrataError(f"config key model.arguments: {source} refuses them ({reason})") from error


def normalised(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return uint8 images (n × 3 × height × width) as the network wants them: (x / 255 − mean) / std."""
    shape = (1, 3, 1, 1)
    scale = 1 / (255 * torch.tensor(std, device=images.device).view(shape))
    shift = torch.tensor(mean, device=images.device).view(shape) / torch.tensor(std, device=images.device).view(shape)
    return images.float() * scale - shift


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
        shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    except Exception as error:  # torch.load raises nearly anything on a damaged file
        raise StrataError(f"{path} is missing, damaged or no checkpoint of Strata; {rebuild}") from error
    own = model.state_dict()
    misfits = [f"{k} is missing" for k in own if k not in weights]
    misfits += [f"{k} is not in the model" for k in weights if k not in own]
    misfits += [
        f"{k} has shape {shapes[k]}, the model {tuple(own[k].shape)}"
        for k in own
        if k in shapes and shapes[k] != tuple(own[k].shape)
    ]
    if misfits:
        raise StrataError(f"{path} does not fit the model: {'; '.join(misfits[:3])}; {rebuild}")
    model.load_state_dict(weights)
    return store.digest(content)


def head_of(model: nn.Module) -> nn.Linear:
    """Return the last linear layer, which reads the penultimate activations.

    Raises
    ------
    StrataError
        If the network has none.
    """
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise StrataError("the model has no linear head, and so no penultimate layer to find features in")
    return linear[-1]


def device() -> torch.device:
    """Return CUDA where there is a GPU, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
