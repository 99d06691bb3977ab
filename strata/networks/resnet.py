"""Strata's own network: a residual one for small images."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """A basic residual block: two 3×3 convolutions beside an identity or 1×1 skip branch (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
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

    def __init__(self, num_classes: int, depths: Sequence[int] = (2, 2, 2, 2), *, width: int = 16) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        blocks, channels = [], width
        for level, depth in enumerate(depths):
            for i in range(depth):
                outputs = width * 2**level
                blocks.append(Block(channels, outputs, stride=2 if level and i == 0 else 1))
                channels = outputs
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (images × classes) of images (images × 3 × height × width)."""
        return self.head(self.pool(self.blocks(self.stem(x))).flatten(1))
