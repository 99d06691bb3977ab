"""Ground truth: what is measured of factors that are known, where images are made here.

A factor stands for the indicators of its values (`strata.claims.factor_codes`), pooled: its V-information in a layer
is 1 − Σ SSE / Σ SST, over values and held-out folds, and its complexity K one minus the mean of that over layers, as it
is for features (Fel et al. 2024). Intervals are over images: a delete-one-fold jackknife where the errors of folds are
known, a bootstrap where every image's own answer is. Probes of two folds share most of their fitted images, which the
jackknife does not see; it is a little narrow for that (Bengio & Grandvalet 2004). With several seeds, statistics are
means over them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from strata import store, tables
from strata.claims.finding import Finding, estimated
from strata.config.keys import Correlation, Questions, Shapes
from strata.images.shapes import COUNTS, VALUES
from strata.layers import PENULTIMATE
from strata.measures.complexity import complexity
from strata.probes.results import read_vinfo
from strata.statistics import Estimate, bootstrap, jackknife, mean_difference

DECODABLE = 0.5  # a factor of whose variance at least this share is told, beyond what others tell, counts as decodable


def errors_of_folds(paths: Sequence[str | Path], layers: Sequence[str]) -> pd.DataFrame:
    """Pool the errors of all values of every factor, from probe results of one checkpoint.

    Parameters
    ----------
    paths
        The probe results, which may be of several layers each.
    layers
        That were probed, in the order of the rows.

    Returns
    -------
    DataFrame
        One row a layer, factor and fold: layer, factor, fold, sse (squared errors of the probes on the held-out fold)
        and sst (of the fitted means).
    """
    starts = np.cumsum([0, *COUNTS[:-1]])
    pooled = {name: np.add.reduceat(read_vinfo(paths, layers, name=name), starts, axis=2) for name in ("sse", "sst")}
    folds = pooled["sse"].shape[1]
    index = pd.MultiIndex.from_product([layers, range(folds), VALUES], names=["layer", "fold", "factor"])
    return pd.DataFrame({name: values.ravel() for name, values in pooled.items()}, index=index).reset_index()


def tables_of_seed(
    vinfo: Mapping[int, Sequence[str | Path]],
    interventions: str | Path,
    *,
    seed: int,
    layers: Sequence[str],
    codes: Sequence[str | Path],
) -> dict[str, pd.DataFrame]:
    """Return what was measured of the true factors with one seed, as tables whose first column it is.

    Parameters
    ----------
    vinfo
        Epoch to the probe results of the true factors in that checkpoint.
    interventions
        What `strata.claims.interventions.intervene` told.
    seed
        Of the network.
    layers
        That were probed.
    codes
        Shards of the true factors as codes.

    Returns
    -------
    dict
        factor_errors (rows of `errors_of_folds`, with epoch and images, how many there are) and interventions.
    """
    images = 0
    for path in codes:
        with store.Shard(path, kind="codes") as shard:
            images += shard.shape("codes")[0]
    errors = [errors_of_folds(paths, layers).assign(epoch=epoch, images=images) for epoch, paths in vinfo.items()]
    found = {"factor_errors": pd.concat(errors), "interventions": tables.read(interventions)}
    return {name: table.assign(seed=seed)[["seed", *table]] for name, table in found.items()}


def complexities(errors: pd.DataFrame, layers: Sequence[str], *, confidence: float) -> pd.DataFrame:
    """Return the complexity of every factor at the last epoch, with its interval over images.

    Parameters
    ----------
    errors
        Rows of `errors_of_folds`, with seed and epoch.
    layers
        Those that complexity is the mean over.
    confidence
        Coverage of the intervals.

    Returns
    -------
    DataFrame
        One row a factor: factor, complexity, ci_low, ci_high.
    """
    own = errors[(errors["epoch"] == errors["epoch"].max()) & errors["layer"].isin(layers)]
    return _estimates(own, ["factor"], "complexity", _complexity, confidence)


def by_layer(errors: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Return the V-information of factors by layer at the last epoch: layer, factor, vinfo, ci_low, ci_high.

    Parameters
    ----------
    errors
        Rows of `errors_of_folds`, with seed and epoch.
    confidence
        Coverage of the intervals.
    """
    own = errors[errors["epoch"] == errors["epoch"].max()]
    return _estimates(own, ["layer", "factor"], "vinfo", _v_information, confidence)


def by_epoch(errors: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Return the V-information of factors in the penultimate layer: epoch, factor, vinfo, ci_low, ci_high.

    Parameters
    ----------
    errors
        Rows of `errors_of_folds`, with seed and epoch.
    confidence
        Coverage of the intervals.
    """
    own = errors[errors["layer"] == PENULTIMATE]
    return _estimates(own, ["epoch", "factor"], "vinfo", _v_information, confidence)


def told_by_others(correlation: Correlation | None) -> dict[str, float]:
    """Return the V-information that the other factors have about each: the squared correlation of their indicators."""
    return {f: correlation.strength**2 if correlation and f in correlation.between else 0.0 for f in VALUES}


def decodable_from(at_epochs: pd.DataFrame, correlation: Correlation | None) -> dict[str, int | None]:
    """Return the first epoch at which each factor is decodable, None where it never is.

    It is when its V-information reaches `DECODABLE` of what the other factors do not tell already.

    Parameters
    ----------
    at_epochs
        Rows of `by_epoch`.
    correlation
        `data.shapes.correlation` of the configuration; None where no factors go together.
    """
    told = at_epochs["factor"].map(told_by_others(correlation))
    enough = at_epochs["vinfo"] >= told + DECODABLE * (1 - told)
    reached = at_epochs[enough].groupby("factor")["epoch"].min()
    return {factor: int(reached[factor]) if factor in reached else None for factor in VALUES}


def findings(
    errors: pd.DataFrame,
    interventions: pd.DataFrame,
    *,
    layers: Sequence[str],
    shapes: Shapes,
    settings: Questions,
) -> list[Finding]:
    """Test what the known factors let one test.

    Where they are independent, the complexity of those that the label is made of, which a network has to find, must
    rise in the order of `VALUES`. Where two go together, either also tells of the other, and the question is which one
    the network goes by.

    Parameters
    ----------
    errors
        Rows of `errors_of_folds`, with seed, epoch and images (how many there are).
    interventions
        Rows of `strata.claims.interventions.intervene`, with seed.
    layers
        Those that complexity is the mean over.
    shapes
        The section `data.shapes` of the configuration.
    settings
        The section `questions` of the configuration.
    """
    about: dict[str, Any] = {"question": "truth", "figure": "ground_truth", "unit": "images"}
    confidence, correlation = settings.confidence, shapes.correlation
    if correlation:
        known = complexities(errors, layers, confidence=confidence).set_index("factor")["complexity"]
        simple, complex_ = sorted(correlation.between, key=lambda factor: known[factor])
        shortcut = Finding(
            id="truth.shortcut",
            claim=f"the network takes the shortcut: it relies on {simple}, the simpler of two correlated factors, "
            f"more than on {complex_}",
            statistic=f"share of predictions that change with {simple} alone − with {complex_} alone",
            n=interventions["image"].nunique(),
            **_of_seeds(lambda s: _shortcut(s, simple, complex_, settings), interventions),
            **about,
        )
        return [shortcut]
    factors = [factor for factor in VALUES if factor in shapes.label_from]
    if len(factors) == 1:
        return []
    ranking = Finding(
        id="truth.ranking",
        claim=f"the complexity of known factors rises from {' to '.join(factors)}, intervals apart",
        statistic="complexity, the smallest step between neighbours",
        n=int(errors["images"].iloc[0]),
        controls=["control.shuffled"],
        **_of_seeds(lambda e: _ranking(e, factors, layers, confidence), errors),
        **about,
    )
    return [ranking]


def _of_seeds(statistic: Callable[[pd.DataFrame], Estimate], table: pd.DataFrame) -> dict[str, Any]:
    """Return what a finding says of a statistic over all seeds, and of each alone."""
    whole = statistic(table)
    each = {int(seed): statistic(table[table["seed"] == seed]) for seed in table["seed"].unique()}
    return {"images_low": whole.low, "images_high": whole.high, **estimated(whole, each, verdict=_verdict)}


def _ranking(errors: pd.DataFrame, factors: Sequence[str], layers: Sequence[str], confidence: float) -> Estimate:
    """Return by how much complexity rises from a factor to the next, the smallest step.

    The interval of a step is as wide as both factors' own together, so that it excludes 0 just where theirs do not
    overlap; the smallest of several steps lies between the smallest lower and the smallest upper end.
    """
    k = complexities(errors, layers, confidence=confidence).set_index("factor").loc[list(factors)]
    steps = np.diff(k["complexity"])
    halves = (k["ci_high"] - k["ci_low"]).rolling(2).sum().to_numpy()[1:] / 2
    free = errors["fold"].nunique() - 1
    t = np.abs(steps) / halves * stats.t.ppf((1 + confidence) / 2, free)
    p_value = (2 * stats.t.sf(t, free)).max()
    return Estimate(float(steps.min()), float((steps - halves).min()), float((steps + halves).min()), float(p_value))


def _shortcut(interventions: pd.DataFrame, simple: str, complex_: str, settings: Questions) -> Estimate:
    """Return how much more often predictions change with one factor alone than with the other, at the last epoch."""
    last = interventions[interventions["epoch"] == interventions["epoch"].max()]
    flips = last.pivot_table(index="image", columns="factor", values="flipped", aggfunc="mean")
    pairs = flips[[simple, complex_]].to_numpy(float)
    return bootstrap(
        mean_difference,
        [pairs],
        null=0.0,
        resamples=settings.bootstrap,
        confidence=settings.confidence,
        seed=settings.seed,
    )


def _verdict(e: Estimate) -> str:
    return "supported" if e.low > 0 else "not supported" if e.high < 0 else "undecided"


def _estimates(
    errors: pd.DataFrame,
    by: list[str],
    name: str,
    statistic: Callable[[pd.DataFrame], float],
    confidence: float,
) -> pd.DataFrame:
    """Return one row a group, in the order of the table: the mean of a statistic over seeds, and its interval."""

    def over_seeds(rows: pd.DataFrame) -> float:
        return float(np.mean([statistic(own) for _, own in rows.groupby("seed")]))

    rows = []
    for keys, group in errors.groupby(by, sort=False):
        without = [over_seeds(group[group["fold"] != fold]) for fold in group["fold"].unique()]
        whole = over_seeds(group)
        low, high = jackknife(whole, without, confidence=confidence)
        rows.append({**dict(zip(by, _tuple(keys), strict=True)), name: whole, "ci_low": low, "ci_high": high})
    return pd.DataFrame(rows)


def _tuple(keys: Any) -> Iterable[Any]:
    return keys if isinstance(keys, tuple) else (keys,)


def _v_information(errors: pd.DataFrame) -> float:
    return 1 - errors["sse"].sum() / errors["sst"].sum()


def _complexity(errors: pd.DataFrame) -> float:
    sums = errors.groupby("layer")[["sse", "sst"]].sum()
    return float(complexity((1 - sums["sse"] / sums["sst"]).to_numpy()[:, None])[0])
