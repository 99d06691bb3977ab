"""Images scaled and cut by torch itself, as torchvision does it, whose import takes longer than most small jobs."""

from torch import Tensor
from torch.nn import functional


def scaled(images: Tensor, side: int) -> Tensor:
    """Scale the short side of images, bilinearly and without aliasing.

    Parameters
    ----------
    images
        n × channels × height × width.
    side
        Of the short side, in pixels.
    """
    height, width = images.shape[2:]
    short = min(height, width)
    if short == side:
        return images
    size = [int(side * height / short), int(side * width / short)]
    return functional.interpolate(images, size, mode="bilinear", antialias=True)


def middle(images: Tensor, side: int) -> Tensor:
    """Cut a square out of the middle of images.

    Parameters
    ----------
    images
        n × channels × height × width, at least as large as the square.
    side
        Of the square, in pixels.
    """
    top, left = (round((length - side) / 2) for length in images.shape[2:])
    return images[:, :, top : top + side, left : left + side]
