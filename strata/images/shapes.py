"""Shapes: images made here, of which everything is known (after the Trifeature data of Hermann & Lampinen 2020).

Every image shows one object. Its colour, its texture and its shape are the factors; they are drawn independently unless
a correlation is asked for. Size, position and rotation, the pattern's period, phase and angle, shades, background and
noise vary besides and tell nothing of the factors: objects of one size have one area and one mean brightness, whatever
their shape and texture. Everything about an image follows from the seed and its number, so that any image can be made
alone, and made again with one factor changed and all else kept.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from strata.config.keys import Correlation, Shapes
from strata.errors import StrataError
from strata.images.sources import Given

if TYPE_CHECKING:
    from torch import Tensor

VALUES = {
    "colour": ("red", "green", "cyan", "violet"),
    "texture": ("plain", "stripes", "checks", "dots"),
    "shape": ("circle", "square", "triangle", "cross"),
}
COUNTS = tuple(len(values) for values in VALUES.values())
_OF_FACTORS, _OF_THE_REST, _OF_SWAPS = range(3)  # streams of random numbers of an image
_REACH = 1.56  # of the shape that reaches furthest, in radii of the disc of the same area
_DOT = 0.3  # radius of a dot, in periods
_DOTS_COVER = np.pi * _DOT**2


def listed(given: Given) -> pd.DataFrame:
    """List the images.

    Returns
    -------
    DataFrame
        One row an image: `image` (shape-000000 …), `class` (the values that make the label, as red-plain-circle) and
        `label`.

    Raises
    ------
    StrataError
        If a class has fewer than 2 images.
    """
    shapes = made_from(given)
    numbers = np.arange(shapes.images)
    factors = factors_of(numbers, given.seed, correlation=shapes.correlation)
    label = np.zeros(len(numbers), int)
    names = np.full(len(numbers), "", object)
    for factor in shapes.label_from:
        values = factors[:, list(VALUES).index(factor)]
        label = label * len(VALUES[factor]) + values
        names = names + np.array([f"-{value}" for value in VALUES[factor]], object)[values]
    classes = classes_of(shapes.label_from)
    fewest = np.bincount(label, minlength=classes).min()
    if fewest < 2:
        raise StrataError(
            f"config key data.shapes.images: {len(numbers)} images leave one of the {classes} classes only {fewest}, "
            "and each needs 2; raise it, or shorten data.shapes.label_from"
        )
    return pd.DataFrame(
        {
            "image": [f"shape-{number:06d}" for number in numbers],
            "class": [name.removeprefix("-") for name in names],
            "label": label,
        }
    )


def classes_of(label_from: Sequence[str]) -> int:
    """Return the number of classes that a label made of some factors has."""
    return int(np.prod([len(VALUES[factor]) for factor in label_from]))


def numbers_of(names: Iterable[str]) -> list[int]:
    """Return the numbers of images, given their names."""
    return [int(name.rsplit("-", 1)[1]) for name in names]


def factors_in(images: pd.DataFrame, given: Given) -> np.ndarray:
    """Return the factors (see `factors_of`) of some of the images that were listed.

    Parameters
    ----------
    images
        Rows of the listing.
    given
        What the configuration tells the source.
    """
    shapes = made_from(given)
    return factors_of(numbers_of(images["image"]), given.seed, correlation=shapes.correlation)


def decoded(images: pd.DataFrame, given: Given, *, side: int) -> Iterator["Tensor"]:
    """Draw some of the images that were listed (see `draw`), for just the side that is wanted.

    Parameters
    ----------
    images
        Rows of the listing.
    given
        What the configuration tells the source.
    side
        In pixels.
    """
    import torch  # here, because claims that need no image import this module

    numbers, seed = numbers_of(images["image"]), given.seed
    for number, factors in zip(numbers, factors_in(images, given), strict=True):
        yield torch.from_numpy(draw(number, factors, size=side, seed=seed))


def counted(given: Given) -> tuple[int, int]:
    """Return the number of images and of classes."""
    shapes = made_from(given)
    return shapes.images, classes_of(shapes.label_from)


def made_from(given: Given) -> Shapes:
    """Return what the images are made from."""
    assert given.shapes is not None
    return given.shapes


def factors_of(numbers: Sequence[int] | np.ndarray, seed: int, *, correlation: Correlation | None) -> np.ndarray:
    """Draw the factors of some images (images × factors: the position of each value in `VALUES`).

    Parameters
    ----------
    numbers
        Of the images.
    seed
        Of all images.
    correlation
        `between`: two factors; `strength`: the probability that the second takes the first's value, else it is drawn
        by itself. It is also Pearson's correlation between the indicators of two values that go together.
    """
    factors = np.empty((len(numbers), len(VALUES)), np.uint8)
    for row, number in enumerate(numbers):
        rng = np.random.default_rng([seed, number, _OF_FACTORS])
        factors[row], chance = rng.integers(COUNTS), rng.random()
        if correlation and chance < correlation.strength:
            first, second = (list(VALUES).index(factor) for factor in correlation.between)
            factors[row, second] = factors[row, first]
    return factors


def swapped(factors: np.ndarray, factor: int, *, numbers: Sequence[int], seed: int) -> np.ndarray:
    """Return factors (images × factors) with one of them changed to another of its values, drawn at random.

    Parameters
    ----------
    factors
        Images × factors: the position of each value in `VALUES`.
    factor
        Number of the one that is changed.
    numbers
        Of the images.
    seed
        Of all images.
    """
    away = [np.random.default_rng([seed, number, _OF_SWAPS]).integers(1, COUNTS)[factor] for number in numbers]
    other = factors.copy()
    other[:, factor] = (factors[:, factor] + away) % COUNTS[factor]
    return other


def draw(number: int, factors: np.ndarray, *, size: int, seed: int) -> np.ndarray:
    """Draw one image.

    Parameters
    ----------
    number
        Of the image: decides everything but the factors.
    factors
        The position of its colour, texture and shape in `VALUES`.
    size
        Side in pixels.
    seed
        Of all images.

    Returns
    -------
    ndarray
        uint8, 3 × size × size.
    """
    rng = np.random.default_rng([seed, number, _OF_THE_REST])
    colour, texture, shape = (int(value) for value in factors)
    # Lengths are in units of half the image's side; pixels are 2 / size wide.
    radius = rng.uniform(0.44, 0.58)
    middle = (1 - _REACH * radius) * rng.uniform(-1, 1, 2)
    y, x = np.meshgrid(*2 * [(np.arange(size) + 0.5) * 2 / size - 1], indexing="ij")
    u, v = _turned(x - middle[0], y - middle[1], rng.uniform(0, 2 * np.pi))
    inside = np.clip(0.5 - _distance(shape, u / radius, v / radius) * radius * size / 2, 0, 1)
    period = rng.uniform(0.36, 0.44)
    p, q = _turned(x, y, rng.uniform(0, 2 * np.pi))
    p, q = p / period + rng.random(), q / period + rng.random()
    pattern = _pattern(texture, p, q, period * size / 2)
    hue = colour / COUNTS[0] + rng.uniform(-0.04, 0.04)
    paint = _paint(hue, rng.uniform(0.6, 0.9)) * rng.uniform(0.7, 0.9)
    slope = rng.uniform(-0.12, 0.12, 2)
    ground = rng.uniform(0.3, 0.6) + rng.uniform(-0.05, 0.05, (3, 1, 1)) + slope[0] * x + slope[1] * y
    surface = paint[:, None, None] * (0.7 + 0.25 * pattern)
    image = ground + inside * (surface - ground)
    image = image + rng.uniform(0.02, 0.06) * rng.standard_normal(image.shape)
    return (image.clip(0, 1) * 255).round().astype(np.uint8)


def _turned(x: np.ndarray, y: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    return np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x


def _distance(shape: int, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the distance from the outline, negative inside, of a shape whose area is π, the unit disc's."""
    if shape == 0:
        return np.hypot(u, v) - 1
    if shape == 1:
        return np.maximum(abs(u), abs(v)) - np.sqrt(np.pi) / 2
    if shape == 2:
        sides = [np.cos(angle) * u + np.sin(angle) * v for angle in 2 * np.pi / 3 * np.arange(3)]
        return np.maximum.reduce(sides) - np.sqrt(np.pi / np.sqrt(27))
    arm = np.sqrt(np.pi * 9 / 20)  # half the length of two bars that are three times as long as wide
    across, along = np.sort(abs(np.stack([u, v])), axis=0)
    return np.maximum(along - arm, across - arm / 3)


def _pattern(texture: int, p: np.ndarray, q: np.ndarray, pixels: float) -> np.ndarray:
    """Return a pattern of mean 0 and variance 1 (but for `plain`, which is 0), p and q in periods of some pixels."""
    softness = 2 * np.pi / pixels / 2  # half a pixel, in the phase of a wave
    if texture == 0:
        return np.zeros_like(p)
    if texture == 1:
        return np.tanh(np.sin(2 * np.pi * p) / softness)
    if texture == 2:
        return np.tanh(np.sin(2 * np.pi * p) * np.sin(2 * np.pi * q) / softness)
    centre = np.hypot((p % 1) - 0.5, (q % 1) - 0.5)
    dots = np.clip(0.5 - (centre - _DOT) * pixels, 0, 1)
    return (dots - _DOTS_COVER) / np.sqrt(_DOTS_COVER * (1 - _DOTS_COVER))


def _paint(hue: float, saturation: float) -> np.ndarray:
    """Return red, green and blue of a hue (in turns) whose brightest channel is 1."""
    channels = np.clip(np.abs((hue + np.array([0, -1 / 3, 1 / 3]) + 0.5) % 1 - 0.5) * -6 + 2, 0, 1)
    return 1 - saturation * (1 - channels)
