"""The same features in several networks: matched where runs share images, and their complexity compared.

Runs share an image if it has the same name and the same pixels. Features are matched class by class and one to one, so
that the correlations of their codes over the shared images add up to the most (`strata.measures.stability` does so
between seeds of one run). Of runs with several seeds, it is the first.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from strata.config.keys import Questions
from strata.figures.parts import correlated
from strata.measures.stability import STABLE
from strata.run import Run

FEWEST = 100  # shared images, on fewer of which correlations of codes tell little
KEPT = ("complexity", "relative_complexity")
_CONSTANT = 1e-6  # a standard deviation in root mean squares: what is below is rounding


def matched(runs: Mapping[str, Run]) -> tuple[pd.DataFrame, list[str]]:
    """Match the features of every two runs that share images and classes.

    Parameters
    ----------
    runs
        By what they are called.

    Returns
    -------
    matched : DataFrame
        One row a pair of features: run, other_run, images (shared ones), class, feature, other_feature, complexity,
        other_complexity, relative_complexity, other_relative_complexity, correlation (of their codes; missing where one
        of them is constant).
    unmatched : list of str
        Why runs were not matched, and which.
    """
    ids = {name: run.ids for name, run in runs.items()}
    near = {name for one in combinations(ids, 2) if not set(ids[one[0]]).isdisjoint(ids[one[1]]) for name in one}
    images = {name: runs[name].fingerprints if name in near else [] for name in runs}
    parts: list[pd.DataFrame] = []
    unmatched: dict[str, list[str]] = {}  # why → which
    for one, other in combinations(runs, 2):
        rows, other_rows = _shared(images[one], images[other])
        features, others = _of_first_seed(runs[one]), _of_first_seed(runs[other])
        if not ids[one] or not ids[other]:
            why = "images and codes are gone from one of the two"
        elif not rows:
            why = "no images in common"
        elif len(rows) < FEWEST:
            why = f"fewer than {FEWEST} images in common"
        elif features["class"].isin(others["class"]).any():
            found = _pairs((features, runs[one].codes()[rows]), (others, runs[other].codes()[other_rows]))
            parts.append(found.assign(run=one, other_run=other, images=len(rows))[_COLUMNS])
            continue
        else:
            why = "images in common, but no class"
        unmatched.setdefault(why, []).append(f"{one} and {other}")
    said = [f"{why}: {'; '.join(pairs)}" for why, pairs in unmatched.items()]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=_COLUMNS), said


def agreement(table: pd.DataFrame, settings: Questions) -> pd.DataFrame:
    """Return how complexity agrees between every two runs that are matched.

    Parameters
    ----------
    table
        Matched features (see `matched`).
    settings
        The section `questions` of the configuration, for its `confidence`.

    Returns
    -------
    DataFrame
        One row a pair of runs: run, other_run, images, n, correlation (the median of codes), and Spearman's ρ with an
        interval over classes (_low, _high): rho (of complexity), rho_same (of features whose codes correlate by at
        least 0.9, and n_same, how many), rho_relative (of relative complexity).
    """
    rows = []
    for (one, other), own in table.groupby(["run", "other_run"], sort=False):
        same = own[own["correlation"] >= STABLE]
        row = {"run": one, "other_run": other, "images": own["images"].iloc[0], "n": len(own), "n_same": len(same)}
        row["correlation"] = own["correlation"].median()
        for name, (frame, column) in {
            "rho": (own, "complexity"),
            "rho_same": (same, "complexity"),
            "rho_relative": (own, "relative_complexity"),
        }.items():
            known = frame.dropna(subset=[column, f"other_{column}"])
            e = correlated(known, x=column, y=f"other_{column}", settings=settings) if len(known) else None
            ends = (e.value, e.low, e.high) if e else [np.nan] * 3
            row |= dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))
        rows.append(row)
    return pd.DataFrame(rows)


def _shared(one: Sequence[str], other: Sequence[str]) -> tuple[list[int], list[int]]:
    """Return the rows of the images that two runs share, in either."""
    place = {image: row for row, image in enumerate(other)}
    rows = [row for row, image in enumerate(one) if image in place]
    return rows, [place[one[row]] for row in rows]


def _of_first_seed(run: Run) -> pd.DataFrame:
    features = run.features
    return features[features["seed"] == run.seeds[0]].sort_values("feature")


def _pairs(one: tuple[pd.DataFrame, np.ndarray], other: tuple[pd.DataFrame, np.ndarray]) -> pd.DataFrame:
    """Match features class by class, each run as its features and their codes (images × features)."""
    (features, codes), (others, other_codes) = one, other
    parts = []
    for name, own in features[features["class"].isin(others["class"])].groupby("class"):
        theirs = others[others["class"] == name]
        z, w = (_standardised(c[:, f["feature"]]) for c, f in ((codes, own), (other_codes, theirs)))
        similar = z.T @ w
        i, j = linear_sum_assignment(similar, maximize=True)
        known = z[:, i].any(0) & w[:, j].any(0)
        pair: dict[str, Any] = {}
        for column in ("feature", *KEPT):
            pair |= {column: own[column].to_numpy()[i], f"other_{column}": theirs[column].to_numpy()[j]}
        correlation = np.where(known, similar[i, j].clip(-1, 1), np.nan)
        parts.append(pd.DataFrame({"class": name, **pair, "correlation": correlation}))
    return pd.concat(parts, ignore_index=True)


def _standardised(z: np.ndarray) -> np.ndarray:
    """Return codes (images × features) centred and of unit norm; 0 where they are constant."""
    centred = z.astype(float) - z.mean(0, dtype=float)
    size = np.linalg.norm(centred, axis=0)
    varies = size > _CONSTANT * np.linalg.norm(z.astype(float), axis=0)
    return np.divide(centred, size, out=np.zeros_like(centred), where=varies)


_COLUMNS = [
    *("run", "other_run", "images", "class"),
    *(f"{of}{column}" for column in ("feature", *KEPT) for of in ("", "other_")),
    "correlation",
]
