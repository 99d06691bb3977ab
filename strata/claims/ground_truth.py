"""Ground truth: what is measured of factors that are known, where images are made here.

A factor stands for the indicators of its values (`strata.claims.factor_codes`), pooled: its V-information in a layer
is 1 − Σ SSE / Σ SST, over values and held-out folds, and its complexity K one minus the mean of that over layers, as it
is for features (Fel et al. 2024). Intervals are over images: a delete-one-fold jackknife where the errors of folds are
known, widened for what the probes of two folds share, and Student's t where every image's own answer is. With several
seeds, statistics are means over them.

Calibration codes are the indicator of one value of each factor, spoilt by noise, rarity and scale of which it is known
what they do (`strata.claims.factor_codes`). What is measured of them beside what it should be tells whether a measure
moves with what it should not move with.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from strata import store, tables
from strata.claims.factor_codes import Column
from strata.claims.finding import Finding, estimated
from strata.config.keys import Correlation, Questions, Shapes
from strata.images.shapes import COUNTS, VALUES
from strata.layers import PENULTIMATE
from strata.measures.complexity import FLOOR, complexity, relative_complexity, without_each_fold
from strata.probes.results import read_vinfo
from strata.statistics import (
    UNDEFINED,
    Estimate,
    Rows,
    groups_of,
    jackknifed,
    mean_difference,
    over_groups,
    widening,
)

DECODABLE = 0.5  # a factor of whose variance at least this share is told, beyond what others tell, counts as decodable
MARGIN = 0.05  # of complexity: a measure that should not move and stays within it does not
_POSITIVE = 1e-6  # a ceiling above this is divided by, of calibration codes, whose intervals say how far to trust it
MEASURED = ("complexity", "ceiling", "relative_complexity")  # of calibration codes
_SPOILT = {"truth.noise": ("noise", "rectified", "rescaled"), "truth.rarity": ("rarity",)}


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
    pooled = {
        name: np.add.reduceat(read_vinfo(paths, layers, features="factors", name=name), starts, axis=2)
        for name in ("sse", "sst")
    }
    folds = pooled["sse"].shape[1]
    index = pd.MultiIndex.from_product([layers, range(folds), VALUES], names=["layer", "fold", "factor"])
    return pd.DataFrame({name: values.ravel() for name, values in pooled.items()}, index=index).reset_index()


def _of_factors(paths: Sequence[str | Path], layers: Sequence[str], name: str) -> np.ndarray:
    return read_vinfo(paths, layers, features="factors", name=name)


def tables_of_seed(
    vinfo: Mapping[int, Sequence[str | Path]],
    interventions: str | Path,
    *,
    seed: int,
    layers: Sequence[str],
    codes: Sequence[str | Path],
    calibration: Sequence[str | Path],
    calibration_codes: Sequence[str | Path],
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
    calibration, calibration_codes
        Probe results of the calibration codes in the last checkpoint, and their shards.

    Returns
    -------
    dict
        factor_errors (rows of `errors_of_folds`, with epoch and images, how many there are), calibration_errors (see
        `errors_of_calibration`) and interventions.
    """
    images = 0
    for path in codes:
        with store.Shard(path, kind="codes") as shard:
            images += shard.shape("codes")[0]
    errors = [errors_of_folds(paths, layers).assign(epoch=epoch, images=images) for epoch, paths in vinfo.items()]
    found = {
        "factor_errors": pd.concat(errors),
        "calibration_errors": errors_of_calibration(calibration, calibration_codes, layers=layers),
        "interventions": tables.read(interventions),
    }
    return {name: table.assign(seed=seed)[["seed", *table]] for name, table in found.items()}


def errors_of_calibration(
    paths: Sequence[str | Path], codes: Sequence[str | Path], *, layers: Sequence[str]
) -> pd.DataFrame:
    """Return the errors of probes of all calibration codes.

    Parameters
    ----------
    paths
        The probe results, which may be of several layers each.
    codes
        Shards of the calibration codes.
    layers
        That were probed, in the order of the rows.

    Returns
    -------
    DataFrame
        One row a layer, fold and code: code (its number), what it is (factor, value, kind, level, share and rate, see
        `strata.claims.factor_codes.Column`), firing_rate (in these images), images (how many there are), sse and sst.
    """
    fired, columns = [], []
    for path in codes:
        with store.Shard(path, kind="codes") as shard:
            fired.append(shard.read("codes") > 0)
            columns = shard.attributes["columns"]
    fires = np.concatenate(fired)
    about = pd.DataFrame(columns).assign(firing_rate=fires.mean(0), images=len(fires))
    sums = {name: read_vinfo(paths, layers, features="calibration", name=name) for name in ("sse", "sst")}
    folds = sums["sse"].shape[1]
    index = pd.MultiIndex.from_product([layers, range(folds), about.index], names=["layer", "fold", "code"])
    errors = pd.DataFrame({name: values.ravel() for name, values in sums.items()}, index=index).reset_index()
    return errors.join(about, on="code")[["layer", "fold", "code", *about, "sse", "sst"]]


def calibrated(errors: pd.DataFrame, layers: Sequence[str], *, confidence: float) -> pd.DataFrame:
    """Return what is measured of every calibration code, beside what it should be.

    The clean code of the same factor says what that is: the same relative complexity; of the ceiling, the share that
    is signal; and a complexity of which that share of V-information is left (see `strata.claims.factor_codes`).

    Parameters
    ----------
    errors
        Rows of `errors_of_calibration`, with seed.
    layers
        Those that complexity is the mean over.
    confidence
        Coverage of the intervals over images.

    Returns
    -------
    DataFrame
        One row a code and measure of `MEASURED`: what the code is, firing_rate, images, measure, value, ci_low,
        ci_high, expected, by how much the value is above the clean code's: shift, shift_low, shift_high; and told,
        which is False of relative complexity where the ceiling is too low, so that it is missing of features.
    """
    codes = errors.groupby("code")[[*Column._fields, "firing_rate", "images"]].first()
    clean = [codes.index[(codes["factor"] == factor) & (codes["share"] == 1)][0] for factor in codes["factor"]]
    whole, without, lowest = _measured(errors, layers)
    share, parts = codes["share"].to_numpy(), []
    for measure in MEASURED:
        value, folds = whole[measure], without[measure]
        known = value[clean]
        expected = {"complexity": 1 - share * (1 - known), "ceiling": share * known, "relative_complexity": known}
        told = (measure != "relative_complexity") | (lowest >= FLOOR)
        found = codes.assign(measure=measure, value=value, expected=expected[measure], shift=value - known, told=told)
        found[["ci_low", "ci_high"]] = _intervals(value, folds, confidence)
        found[["shift_low", "shift_high"]] = _intervals(value - known, folds - folds[:, clean], confidence)
        parts.append(found)
    return pd.concat(parts).reset_index()


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
    factor_errors: pd.DataFrame,
    interventions: pd.DataFrame,
    *,
    calibration_errors: pd.DataFrame,
    layers: Sequence[str],
    shapes: Shapes,
    settings: Questions,
) -> list[Finding]:
    """Test what the known factors let one test.

    Where they are independent, the complexity of those that the label is made of, which a network has to find, must
    rise in the order of `VALUES`. Where two go together, either also tells of the other, and the question is which one
    the network goes by. Of either, calibration codes tell whether relative complexity moves with noise and rarity.

    Parameters
    ----------
    factor_errors
        Rows of `errors_of_folds`, with seed, epoch and images (how many there are).
    interventions
        Rows of `strata.claims.interventions.intervene`, with seed.
    calibration_errors
        Rows of `errors_of_calibration`, with seed.
    layers
        Those that complexity is the mean over.
    shapes
        The section `data.shapes` of the configuration.
    settings
        The section `questions` of the configuration.
    """
    about: dict[str, Any] = {"question": "truth", "figure": "ground_truth", "unit": "images"}
    confidence, correlation = settings.confidence, shapes.correlation
    also = _calibration(calibration_errors, layers, confidence)
    if correlation:
        known = complexities(factor_errors, layers, confidence=confidence).set_index("factor")["complexity"]
        simple, complex_ = sorted(correlation.between, key=lambda factor: known[factor])
        shortcut = Finding(
            id="truth.shortcut",
            claim=f"the network takes the shortcut: it relies on {simple}, the simpler of two correlated factors, "
            f"more than on {complex_}",
            statistic=f"share of predictions that change with {simple} alone − with {complex_} alone",
            n=interventions["image"].nunique(),
            **_of_seeds(lambda s: _shortcut(s, simple, complex_, settings), interventions, verdict=_above_0),
            **about,
        )
        return [shortcut, *also]
    factors = [factor for factor in VALUES if factor in shapes.label_from]
    if len(factors) == 1:
        return also
    ranking = Finding(
        id="truth.ranking",
        claim=f"the complexity of known factors rises from {' to '.join(factors)}, intervals apart",
        statistic="complexity, the smallest step between neighbours",
        n=int(factor_errors["images"].iloc[0]),
        controls=["control.shuffled"],
        **_of_seeds(lambda e: _ranking(e, factors, layers, confidence), factor_errors, verdict=_above_0),
        **about,
    )
    return [ranking, *also]


def _calibration(errors: pd.DataFrame, layers: Sequence[str], confidence: float) -> list[Finding]:
    """Test whether relative complexity stays what it is when codes are spoilt, and tell how far K itself moves."""
    table = calibrated(errors, layers, confidence=confidence)
    largest = partial(_largest_shift, folds=errors["fold"].nunique(), confidence=confidence)

    def judged(own: pd.DataFrame, id_: str) -> Estimate:
        """Return the largest shift of the codes of which relative complexity is told."""
        return largest(_relative(_spoilt(calibrated(own, layers, confidence=confidence), id_)).query("told"))

    found = []
    for id_, spoilt in (("truth.noise", "noise, rectified or rescaled"), ("truth.rarity", "rarity, thinned at random")):
        own = _spoilt(table, id_)
        raw, relative = own[own["measure"] == "complexity"], _relative(own)
        finding = Finding(
            id=id_,
            question="truth",
            claim=f"relative complexity does not move with {spoilt}: no code's by {MARGIN:g} from the clean one's",
            statistic="relative complexity, the largest shift from the clean code's",
            side="below",
            bound=MARGIN,
            n=int(errors["images"].iloc[0]),
            effect=float(raw["shift"].abs().max()),
            effect_name=f"the largest shift of complexity K itself ({(~relative['told']).sum()} of "
            f"{len(relative)} codes have a ceiling below {FLOOR:g}, and are not judged by)",
            note=_not_judged_by(relative) if id_ == "truth.rarity" else "",
            beside=_by_rate(relative, largest) if id_ == "truth.rarity" else [],
            figure="calibration",
            unit="images",
            **_of_seeds(partial(judged, id_=id_), errors, verdict=_within_margin),
        )
        found.append(finding)
    return found


def _spoilt(table: pd.DataFrame, id_: str) -> pd.DataFrame:
    """Return the rows of the codes that a finding looks at: all of some kinds but the clean ones."""
    return table[table["kind"].isin(_SPOILT[id_]) & (table["share"] < 1)]


def _relative(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["measure"] == "relative_complexity"]


def _not_judged_by(relative: pd.DataFrame) -> str:
    """Say at which rates relative complexity is not told, and why."""
    told = relative.groupby("level", sort=False)["told"].any()
    rare = relative[relative["level"].isin(told.index[~told])].groupby("level", sort=False)["share"].max()
    if rare.empty:
        return ""
    left = " and ".join(f"{100 * share:.1f}" for share in rare)
    return (
        f"firing in {' and '.join(f'{100 * rate:g}' for rate in rare.index)} % of the images, a thinned code has "
        f"{left} % of its variance from the factor, all that a network can tell of it: below {100 * FLOOR:g} % no "
        "relative complexity is told of a feature; what few positive images tell of it is told apart, and not judged by"
    )


def _by_rate(relative: pd.DataFrame, largest: Callable[[pd.DataFrame], Estimate]) -> list[dict[str, Any]]:
    """Tell the largest shift at every firing rate, and how many images are positive there."""
    found = []
    for rate, own in relative.groupby("level", sort=False):
        fires = (own["firing_rate"] * own["images"]).round().astype(int)
        e = largest(own)
        what = f"at {100 * float(str(rate)):g} % ({fires.min():,} to {fires.max():,} positive images)"
        found.append({"what": what, "value": e.value, "ci_low": e.low, "ci_high": e.high})
    return found


def _largest_shift(own: pd.DataFrame, *, folds: int, confidence: float) -> Estimate:
    """Return by how much relative complexity of some codes moves at most, up or down.

    The largest of several sizes lies below the largest upper end just as surely as that code's own does; above the
    largest lower end only where those of all codes hold together (Bonferroni). The p-value is that of two one-sided
    tests against a shift of the margin, for the code that passes them least (Schuirmann 1987).
    """
    own = own.dropna(subset=["shift", "shift_low"])
    if own.empty:
        return UNDEFINED
    student = stats.t(folds - 1)
    tail = (1 - confidence) / 2
    size, half = own["shift"].abs().to_numpy(), (own["shift_high"] - own["shift_low"]).to_numpy() / 2
    error = half / student.isf(tail)
    low = max(0.0, (size - student.isf(tail / len(own)) * error).max())
    with np.errstate(divide="ignore"):
        p_values = student.sf((MARGIN - size) / error)
    return Estimate(float(size.max()), float(low), float((size + half).max()), min(1.0, 2 * float(p_values.max())))


def _of_seeds(
    statistic: Callable[[pd.DataFrame], Estimate], table: pd.DataFrame, *, verdict: Callable[[Estimate], str]
) -> dict[str, Any]:
    """Return what a finding says of a statistic over all seeds, and of each alone."""
    whole = statistic(table)
    each = {int(seed): statistic(table[table["seed"] == seed]) for seed in table["seed"].unique()}
    return {"images_low": whole.low, "images_high": whole.high, **estimated(whole, each, verdict=verdict)}


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
    groups = groups_of(np.arange(len(pairs)))
    return over_groups(mean_difference, [Rows(pairs, groups)], null=0.0, confidence=settings.confidence)


def _above_0(e: Estimate) -> str:
    return "supported" if e.low > 0 else "not supported" if e.high < 0 else "undecided"


def _within_margin(e: Estimate) -> str:
    return "supported" if e.high < MARGIN else "not supported" if e.low > MARGIN else "undecided"


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
        e = jackknifed(whole, without, confidence=confidence, inflation=widening(len(without)))
        rows.append({**dict(zip(by, _tuple(keys), strict=True)), name: whole, "ci_low": e.low, "ci_high": e.high})
    return pd.DataFrame(rows)


def _measured(
    errors: pd.DataFrame, layers: Sequence[str]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]:
    """Return what is measured of calibration codes, without each fold (folds × codes), and the lowest ceiling.

    The first two are means over seeds.
    """
    wanted = [*layers, PENULTIMATE]
    axes: list[list[Any]] = [list(dict.fromkeys(own)) for own in (errors["seed"], wanted, errors["fold"])]
    wide = errors.pivot(index=["seed", "layer", "fold"], columns="code", values=["sse", "sst"])
    wide = wide.loc[pd.MultiIndex.from_product(axes)]  # in this order
    sse, sst = (wide[name].to_numpy().reshape(*map(len, axes), -1) for name in ("sse", "sst"))
    with np.errstate(invalid="ignore", divide="ignore"):  # of a code that is constant
        vinfo, without = 1 - sse.sum(2) / sst.sum(2), without_each_fold(sse, sst)
    place, count = axes[1].index(PENULTIMATE), len(layers)

    def over_seeds(of: np.ndarray) -> dict[str, np.ndarray]:
        """Return the mean over seeds of what V-information (seeds × layers × …) tells."""
        told = [
            (complexity(own[:count]), own[place], relative_complexity(own[:count], own[place], floor=_POSITIVE))
            for own in of
        ]
        return dict(zip(MEASURED, np.mean(told, axis=0), strict=True))

    return over_seeds(vinfo), over_seeds(without), vinfo[:, place].min(0)


def _intervals(whole: np.ndarray, without: np.ndarray, confidence: float) -> list[tuple[float, float]]:
    """Return the jackknife interval of every code's value, given those without each fold (folds × codes)."""
    wider = widening(len(without))
    told = (
        jackknifed(one, own, confidence=confidence, inflation=wider) for one, own in zip(whole, without.T, strict=True)
    )
    return [(e.low, e.high) for e in told]


def _tuple(keys: Any) -> Iterable[Any]:
    return keys if isinstance(keys, tuple) else (keys,)


def _v_information(errors: pd.DataFrame) -> float:
    return 1 - errors["sse"].sum() / errors["sst"].sum()


def _complexity(errors: pd.DataFrame) -> float:
    sums = errors.groupby("layer")[["sse", "sst"]].sum()
    return float(complexity((1 - sums["sse"] / sums["sst"]).to_numpy()[:, None])[0])
