"""Meta-features: clusters of like features, simple to complex."""

import numpy as np
import pandas as pd

SHOWN = 30  # meta-features, as many as the paper shows


def meta_features(features: pd.DataFrame) -> pd.DataFrame:
    """Return the meta-features, simple to complex; where there are more than 30, some at equal steps of rank.

    Parameters
    ----------
    features
        One row a feature of one seed; features whose complexity is missing count for nothing.

    Returns
    -------
    DataFrame
        meta_feature, complexity, umap_x, umap_y (means over its features), n (how many), rank (by complexity, from 1).
    """
    means = features.dropna(subset=["complexity"]).groupby("meta_feature")
    table = means[["complexity", "umap_x", "umap_y"]].mean().assign(n=means.size()).reset_index()
    table = table.sort_values(["complexity", "meta_feature"], ignore_index=True)
    table["rank"] = np.arange(1, len(table) + 1)
    rows = np.unique(np.linspace(0, len(table) - 1, SHOWN).round().astype(int))
    return table.iloc[rows].reset_index(drop=True)
