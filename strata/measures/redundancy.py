"""Redundancy: how much of a feature a random few units of the penultimate layer tell (Nanda et al. 2023).

A feature that is spread over the whole layer many times can be decoded from any few units; one that needs its own units
cannot. The paper's figure 10.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from strata import store
from strata.layers import PENULTIMATE
from strata.probes import ridge
from strata.probes.cka import linear_cka
from strata.probes.moments import Moments, accumulate, feature_blocks
from strata.probes.ridge import v_information
from strata.progress import progress

if TYPE_CHECKING:
    from strata.scale import Scale


def random_subsets(units: int, share: float, *, subsets: int, seed: int) -> list[Tensor]:
    """Draw subsets of units, each without replacement; return their indices.

    Parameters
    ----------
    units
        How many the layer has.
    share
        Share of the units in a subset.
    subsets
        How many.
    seed
        Of the subsets.
    """
    rng = np.random.default_rng(seed)
    size = max(1, round(share * units))
    return [torch.from_numpy(np.sort(rng.choice(units, size, replace=False))) for _ in range(subsets)]


def redundancy(moments: Moments, penalties: Sequence[float], *, subsets: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Measure which share of what the layer tells of every feature some of its units tell alone.

    Parameters
    ----------
    moments
        Of the penultimate layer and the codes.
    penalties
        Candidates of the probes (see `v_information`).
    subsets
        Indices of the units of each subset.

    Returns
    -------
    by_vinfo : Tensor
        Mean over subsets of I_V(subset) / I_V(layer), I_V(subset) clipped to [0, I_V(layer)], because no units tell
        more than all of them, but for errors of estimation; NaN where I_V(layer) is not positive (K).
    by_cka : Tensor
        Mean over subsets of CKA(subset) / CKA(layer), the same of linear CKA, which a subset can exceed; NaN likewise.
    """
    whole = _positive(v_information(moments, penalties).value)
    whole_cka = _positive(linear_cka(moments))
    by_vinfo, by_cka = torch.zeros_like(whole), torch.zeros_like(whole)
    for units in progress(subsets, "probing subsets of units", total=len(subsets)):
        few = moments.of_units(units.to(moments.x.device))
        by_vinfo += (v_information(few, penalties).value / whole).clamp(0, 1)
        by_cka += linear_cka(few) / whole_cka
    return by_vinfo / len(subsets), by_cka / len(subsets)


def redundancy_of_features(
    activations: Sequence[str],
    codes: Sequence[str],
    *,
    folds: int,
    penalties: Sequence[float],
    seed: int,
    memory_mb: int | float,
    share: float,
    subsets: int,
    subset_seed: int,
    studied: str = "all",
) -> dict[str, pd.DataFrame]:
    """Measure the redundancy of all features in the penultimate layer that they were found in.

    Parameters
    ----------
    activations, codes
        Shards, in the same order.
    folds, penalties, seed, memory_mb
        Of the probes (see `strata.probes.ridge.measure`).
    share, subsets, subset_seed
        Share of the units in a subset, their number and seed.
    studied
        all images, or test: those alone that training never saw.

    Returns
    -------
    dict
        The table `redundancy`, one row a feature: feature, redundancy (by V-information), redundancy_cka (see
        `redundancy`).

    Raises
    ------
    StrataError
        If the shards do not belong together, or the memory is too little for one feature.
    """
    with store.Shard(activations[0]) as shard:
        units = random_subsets(shard.shape("activations")[1], share, subsets=subsets, seed=subset_seed)
    parts = []
    for chosen in feature_blocks(activations[0], codes[0], folds=folds, memory_mb=memory_mb):
        moments = accumulate(
            activations, codes, layer=PENULTIMATE, folds=folds, seed=seed, chosen=chosen, studied=studied
        )
        parts.append(torch.stack(redundancy(moments, penalties, subsets=units)))
    by_vinfo, by_cka = torch.cat(parts, 1).cpu().numpy()
    table = pd.DataFrame({"feature": np.arange(len(by_vinfo)), "redundancy": by_vinfo, "redundancy_cka": by_cka})
    return {"redundancy": table}


def scalars(table: pd.DataFrame) -> pd.DataFrame:
    """Return what goes into features.csv: all of it.

    Parameters
    ----------
    table
        The table `redundancy` (see `redundancy_of_features`).
    """
    return table


def _positive(values: Tensor) -> Tensor:
    """Return the values, NaN where they are not positive."""
    return torch.where(values > 0, values, torch.nan)


def cost(
    scale: "Scale",
    share: float,
    *,
    subsets: int,
    folds: int,
    penalties: Sequence[float],
    memory_mb: int | float,
    **_: Any,
) -> tuple[float, float]:
    """Return seconds and bytes of memory, for one seed: all units are probed, then each subset from their moments.

    Parameters
    ----------
    scale
        How large the run is.
    share, subsets
        Share of the units in a subset, and their number.
    folds, penalties, memory_mb
        Of the probes (see `strata.probes.ridge.measure`).
    **_
        Seeds, and which images are studied, since all are read.
    """
    about: dict[str, Any] = {"folds": folds, "rates": scale.rates, "penalties": penalties}
    whole = ridge.seconds(scale.units, scale.feature_count, images=scale.images, width=scale.width, **about)
    few = subsets * ridge.fit_seconds(share * scale.units, scale.feature_count, **about)
    memory = ridge.memory(scale.units, scale.feature_count, images=scale.images, folds=folds, memory_mb=memory_mb)
    return whole + few, memory
