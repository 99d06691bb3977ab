"""Flow: which branch of every block carries a feature, and from which block on (Fel et al. 2024, figure 4)."""

import numpy as np
import pandas as pd


def by_block(branch_cka: pd.DataFrame) -> pd.DataFrame:
    """Return the same rows with the columns block (its number) and branch (skip or main).

    Parameters
    ----------
    branch_cka
        Linear CKA with the branches: seed, layer, feature, cka.
    """
    names = pd.Series(branch_cka["layer"].unique())  # few, where rows are many
    parts = names.str.extract(r"^block-(?P<block>\d+)-(?P<branch>skip|main)$").set_index(names)
    told = parts.loc[branch_cka["layer"]].set_index(branch_cka.index)
    return branch_cka.assign(block=told["block"].astype(int), branch=told["branch"])


def skip_share(branch_cka: pd.DataFrame) -> pd.Series:
    """Return the share of the skip branches in the CKA of a feature with both: sums over blocks; NaN where both are 0.

    Parameters
    ----------
    branch_cka
        Linear CKA with the branches: seed, layer, feature, cka.

    Returns
    -------
    Series
        One entry a seed and feature: 1, the skip branches carry all of it; ½, both carry as much.
    """
    skip, main = (_cka(branch_cka, branch).sum(axis=1) for branch in ("skip", "main"))
    return (skip / (skip + main)).rename("skip_share")


def arrival(branch_cka: pd.DataFrame, share: float = 0.9) -> pd.DataFrame:
    """Return the number of the first block at which each branch holds a share of its last block's CKA with a feature.

    Parameters
    ----------
    branch_cka
        Linear CKA with the branches: seed, layer, feature, cka.
    share
        Of the CKA at the last block.

    Returns
    -------
    DataFrame
        One row a seed and feature: skip, main; NaN where the last block's CKA is not positive.
    """
    return pd.DataFrame({branch: _arrival(_cka(branch_cka, branch), share) for branch in ("skip", "main")})


def _arrival(cka: pd.DataFrame, share: float) -> pd.Series:
    last = cka.iloc[:, [-1]].to_numpy()
    first = cka.columns.to_numpy(float)[(cka.to_numpy() >= share * last).argmax(1)]
    return pd.Series(np.where(last[:, 0] > 0, first, np.nan), cka.index)


def _cka(branch_cka: pd.DataFrame, branch: str) -> pd.DataFrame:
    """Return the CKA with the branches of one kind: a row a seed and feature, a column a block, first to last."""
    long = by_block(branch_cka)
    return long[long["branch"] == branch].pivot(index=["seed", "feature"], columns="block", values="cka")
