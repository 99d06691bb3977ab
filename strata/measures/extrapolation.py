"""Extrapolation: complexity as it would be with images without number.

A probe that is fitted to n images errs more than the best one of its family, by about as much as it has free
coefficients for each of them; V-information is too low by c/n, and K too high. K(n) is measured with an eighth, a
quarter, half and all of the images, each among the next, and followed along 1/n to 0. Where K(n) does not go along such
a line, what is extrapolated cannot be trusted, and is missing.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from strata import layers as names
from strata.job import split
from strata.measures.complexity import complexity, relative_complexity
from strata.probes import ridge
from strata.probes.moments import Moments, feature_blocks, in_blocks
from strata.probes.ridge import v_information
from strata.progress import progress

if TYPE_CHECKING:
    from strata.scale import Scale

ENDS = (1, 2, 4, 8)  # of the images, in eighths
MISFIT = 0.05  # by which the line through the larger parts may miss K of the smallest
SLACK = 0.01  # by which the step from all images to infinitely many may exceed that from half of them to all


def extrapolation_of_features(
    probed: Sequence[str],
    codes: Sequence[str],
    *,
    layers: Sequence[str],
    folds: int,
    penalties: Sequence[float],
    seed: int,
    memory_mb: int | float,
    studied: str = "all",
) -> dict[str, pd.DataFrame]:
    """Measure the complexity of all features with ever more of the images, by ridge probes.

    Parameters
    ----------
    probed
        Shards of activations: all of the first probed layer, then all of the next.
    codes
        Shards, in the same order of images.
    layers
        Those that complexity is the mean over.
    folds, penalties, seed, memory_mb
        Of the probes (see `strata.probes.ridge.measure`); a part of the images is dealt into the folds that it has
        among all of them.
    studied
        Which images (see `strata.probes.moments.in_blocks`).

    Returns
    -------
    dict
        The table `extrapolation`, one row a feature and part of the images: feature, images (how many), complexity,
        relative_complexity. Parts with fewer than 2 images a fold are left out.

    Raises
    ------
    StrataError
        If the shards do not belong together, or the memory is too little for one feature.
    """
    wanted = names.probed_layers(layers)
    found = []
    for layer, shards in progress(split(probed, wanted).items(), "probing with fewer images", total=len(wanted)):
        parts = []
        for chosen in feature_blocks(shards[0], codes[0], folds=folds, memory_mb=memory_mb):
            measured = {
                int(moments.n.sum()): v_information(moments, penalties).value.cpu().numpy()
                for moments in growing(
                    shards, codes, layer=layer, folds=folds, seed=seed, chosen=chosen, studied=studied
                )
                if float(moments.n.min()) >= 2
            }
            parts.append(np.stack(list(measured.values())))
        found.append(np.concatenate(parts, axis=1))
    sizes, vinfo = list(measured), dict(zip(wanted, found, strict=True))
    told, ceiling = np.stack([vinfo[layer] for layer in layers]), vinfo[names.PENULTIMATE]
    count = told.shape[2]
    table = pd.DataFrame(
        {
            "feature": np.tile(np.arange(count), len(sizes)),
            "images": np.repeat(sizes, count),
            "complexity": complexity(told).ravel(),
            "relative_complexity": relative_complexity(told, ceiling).ravel(),
        }
    )
    return {"extrapolation": table}


def growing(
    activations: Sequence[str],
    codes: Sequence[str],
    *,
    layer: str,
    folds: int,
    seed: int,
    chosen: slice,
    studied: str = "all",
) -> Iterator[Moments]:
    """Yield the moments of an eighth, a quarter, half and all of the images, each among the next; the same object.

    Every image is in the fold that it has among all of them.

    Parameters
    ----------
    activations, codes
        Shards, in the same order.
    layer
        That the activations are of.
    folds, seed
        How many, and the seed of the dealing (see `strata.probes.moments.fold_of`).
    chosen
        The features that are looked at.
    studied
        Which images (see `strata.probes.moments.in_blocks`).
    """
    total: Moments | None = None
    for start, end in zip((0, *ENDS), ENDS, strict=False):
        finer = ENDS[-1] * folds
        for x, z, dealt in in_blocks(
            activations, codes, layer=layer, folds=finer, seed=seed, chosen=chosen, studied=studied
        ):
            # Dealing into more folds deals the same images into the same ones, counted modulo their number.
            part, fold = np.divmod(dealt, folds)
            own = (start <= part) & (part < end)
            new = (torch.from_numpy(x[own]), torch.from_numpy(z[own]), torch.from_numpy(fold[own]))
            if total is None:
                total = Moments.of(*new[:2], fold=new[2], folds=folds)
            else:
                total.add(*new[:2], fold=new[2])
        if total is not None:
            yield total


def extrapolated(images: np.ndarray, complexities: np.ndarray) -> np.ndarray:
    """Return the complexity at infinitely many images, NaN where it cannot be trusted (features).

    It is where a line in 1/n meets 0, fitted to all parts, each weighed by the square of its images: with their number
    the variance of an estimate falls, and what bends the line falls faster. It is trusted if the line through all
    parts but the smallest tells the smallest's K within `MISFIT`, if it lies within [0, 1], and if it is no farther
    from K of all images than that is from K of half of them, which is as far as the line goes (up to `SLACK`).

    Parameters
    ----------
    images
        Of the parts, ascending.
    complexities
        Parts × features.
    """
    if len(images) < len(ENDS):
        return np.full(complexities.shape[1], np.nan)
    limit, _ = _line(images, complexities)
    start, slope = _line(images[1:], complexities[1:])
    told = np.abs(start + slope / images[0] - complexities[0]) <= MISFIT
    step, last = np.abs(limit - complexities[-1]), np.abs(complexities[-2] - complexities[-1])
    return np.where(told & (limit >= 0) & (limit <= 1) & (step <= last + SLACK), limit, np.nan)


def scalars(table: pd.DataFrame) -> pd.DataFrame:
    """Return what goes into features.csv: complexity_extrapolated, missing where it cannot be trusted.

    Parameters
    ----------
    table
        The table `extrapolation` (see `extrapolation_of_features`).
    """
    wide = table.pivot(index="images", columns="feature", values="complexity")
    limits = extrapolated(wide.index.to_numpy(float), wide.to_numpy())
    return pd.DataFrame({"feature": wide.columns.to_numpy(), "complexity_extrapolated": limits})


def _line(images: np.ndarray, complexities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where lines in 1/n start and how steep they are, by least squares weighed by n²."""
    x, weight = 1 / images, images**2 / (images**2).sum()
    middle, level = weight @ x, weight @ complexities
    slope = (weight * (x - middle)) @ complexities / (weight @ (x - middle) ** 2)
    return level - slope * middle, slope


def cost(
    scale: "Scale",
    layers: Sequence[str],
    *,
    folds: int,
    penalties: Sequence[float],
    memory_mb: int | float,
    **_: Any,
) -> tuple[float, float]:
    """Return seconds and bytes of memory, for one seed: every probed layer, read and probed once for every part.

    Parameters
    ----------
    scale
        How large the run is.
    layers
        Which `scale` tells of already.
    folds, penalties, memory_mb
        Of the probes (see `strata.probes.ridge.measure`).
    **_
        The seed, and which images are studied, since all are read.
    """
    about = {"images": scale.images, "folds": folds}
    seconds = sum(
        ridge.seconds(units, scale.feature_count, **about, width=scale.width, rates=scale.rates, penalties=penalties)
        for units in scale.probed
    )
    memory = ridge.memory(max(scale.probed), scale.feature_count, **about, memory_mb=memory_mb)
    return len(ENDS) * seconds, memory
