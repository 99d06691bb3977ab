"""Flow: at which block the skip branch carries a feature (Fel et al. 2024, figure 4)."""

import numpy as np
import pandas as pd


def earliness(branch_cka: pd.DataFrame) -> pd.Series:
    """Return how early the skip branch carries a feature: mean over blocks of its CKA, as a share of the last block's.

    Parameters
    ----------
    branch_cka
        Linear CKA with the branches: seed, layer, feature, cka.
    """
    skip = _skip_cka(branch_cka)
    return skip.mean(axis=1) / skip.iloc[:, -1].where(skip.iloc[:, -1] > 0)


def teleport_block(branch_cka: pd.DataFrame, share: float = 0.9) -> pd.Series:
    """Return the number of the first block at which the skip branch holds a share of its final CKA with a feature.

    Parameters
    ----------
    branch_cka
        Linear CKA with the branches: seed, layer, feature, cka.
    share
        Of the CKA at the last block.
    """
    skip = _skip_cka(branch_cka)
    blocks = skip.columns.str.extract(r"(\d+)", expand=False).astype(float)
    reached = skip.to_numpy() >= share * skip.iloc[:, [-1]].to_numpy()
    first = np.where(skip.iloc[:, -1] > 0, blocks.to_numpy()[reached.argmax(1)], np.nan)
    return pd.Series(first, skip.index, name="teleport_block")


def _skip_cka(branch_cka: pd.DataFrame) -> pd.DataFrame:
    """Return the CKA with the skip branches: a row a seed and feature, a column a block, first to last."""
    skip = branch_cka[branch_cka["layer"].str.endswith("-skip")]
    return skip.pivot(index=["seed", "feature"], columns="layer", values="cka")
