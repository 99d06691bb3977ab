"""How claims are tested: for every seed and for all together, by the interval, gated by the controls they rest on."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from strata.claims.claim import Absent, Claim, Parts, Tables
from strata.claims.finding import Finding, estimated
from strata.claims.registry import CLAIMS, CORRELATION
from strata.config.keys import Questions
from strata.statistics import Estimate, Null, bootstrap, corrected, jackknife

TABLES = ("features", "by_checkpoint", "branch_cka", "control_vinfo", "by_fold", "by_family", "support")


def findings(settings: Questions, also: Sequence[Finding] = (), **tables: pd.DataFrame) -> list[Finding]:
    """Test every claim that the tables allow.

    Parameters
    ----------
    settings
        The section `questions` of the configuration.
    also
        Findings about something else than features, to be corrected and gated with the others.
    **tables
        By their names: those of `strata.measures.measurements.tables_of_seed` for all seeds, and `support` (accuracy
        with ever fewer features: seed, order, draw, share_kept, accuracy, n). A claim whose tables are missing is not
        tested.
    """
    by_seed = _by_seed(tables)
    tested = [_tested(claim, by_seed, settings) for claim in CLAIMS if _absent(claim, by_seed, settings) is None]
    claims = [*(f for f in tested if f.question != "control"), *also]
    for f, p_value in zip(claims, corrected([f.p_value for f in claims]), strict=True):
        f.p_adjusted = p_value
    return _gated([*claims, *(f for f in tested if f.question == "control")])


def left_out(settings: Questions, **tables: pd.DataFrame) -> list[str]:
    """Say which claims this run cannot test, and what it lacks for them.

    Parameters
    ----------
    settings
        The section `questions` of the configuration.
    **tables
        By their names (see `findings`).
    """
    by_seed = _by_seed(tables)
    lacking = {claim.id: _absent(claim, by_seed, settings) for claim in CLAIMS}
    return [f"not tested: {name} (this run has {lack})" for name, lack in lacking.items() if lack is not None]


def _by_seed(tables: Tables) -> dict[int, Tables]:
    return {
        int(seed): {name: table[table["seed"] == seed] for name, table in tables.items()}
        for seed in tables["features"]["seed"].unique()
    }


def _absent(claim: Claim, by_seed: dict[int, Tables], settings: Questions) -> str | None:
    try:
        for tables in by_seed.values():
            claim.parts(tables, settings)
    except Absent as lack:
        return str(lack)
    return None


def _tested(claim: Claim, by_seed: dict[int, Tables], settings: Questions) -> Finding:
    samples = {seed: claim.parts(tables, settings) for seed, tables in by_seed.items()}
    every, statistic = list(samples.values()), claim.computed
    each = {seed: _estimate(statistic.of, [parts], claim.null, settings) for seed, parts in samples.items()}
    pooled = _estimate(statistic.of, every, claim.null, settings) if len(each) > 1 else next(iter(each.values()))
    together = _together(every)
    defined = np.isfinite(pooled.value)
    found = Finding(
        id=claim.id,
        question=claim.question,
        claim=claim.claim,
        statistic=claim.statistic,
        n=statistic.n(*together),
        effect=float(statistic.effect(*together)) if defined else None,
        effect_name=statistic.effect_name,
        figure=claim.figure,
        controls=list(claim.controls),
        unit=claim.unit,
        **estimated(pooled, each, verdict=claim.verdict),
    )
    if statistic.ranked:
        e = _estimate(statistic.ranked, every, claim.null, settings)
        found.spearman, found.spearman_low, found.spearman_high = e.value, e.low, e.high
    if claim.of_images and "by_fold" in next(iter(by_seed.values())) and defined:
        found.images_low, found.images_high = _over_images(claim, by_seed, settings, pooled.value)
    return found


def _estimate(
    statistic: Callable[..., np.ndarray], samples: Sequence[Parts], null: Null, settings: Questions
) -> Estimate:
    """Estimate a statistic of the parts of all seeds, resampling within each part of each seed."""
    size = len(samples[0])

    def of_all(*groups: np.ndarray) -> np.ndarray:
        return statistic(*_together([groups[i : i + size] for i in range(0, len(groups), size)]))

    groups = [part for parts in samples for part in parts]
    return bootstrap(
        of_all,
        groups,
        null=null,
        resamples=settings.bootstrap,
        confidence=settings.confidence,
        seed=settings.seed,
    )


def _together(samples: Sequence[Parts]) -> Parts:
    """Join the seeds' rows, part by part."""
    return tuple(np.concatenate(parts, axis=-2) for parts in zip(*samples, strict=True))


def _over_images(claim: Claim, by_seed: dict[int, Tables], settings: Questions, whole: float) -> tuple[float, float]:
    """Return the jackknife interval over images; of a correlation, on Fisher's z, so that it stays within ±1."""
    folds = sorted({fold for tables in by_seed.values() for fold in tables["by_fold"]["fold"]})
    without = []
    for fold in folds:
        samples = [claim.parts(_without_fold(tables, fold), settings) for tables in by_seed.values()]
        without.append(float(claim.computed.of(*_together(samples))))
    if claim.computed is CORRELATION:
        low, high = jackknife(np.arctanh(whole), np.arctanh(without).tolist(), confidence=settings.confidence)
        return float(np.tanh(low)), float(np.tanh(high))
    return jackknife(whole, without, confidence=settings.confidence)


def _without_fold(tables: Tables, fold: int) -> Tables:
    """Return the tables with the features' scalars as they are without one fold of images."""
    own = tables["by_fold"][tables["by_fold"]["fold"] == fold].drop(columns=["fold"])
    replaced = own.columns.difference(["seed", "feature"])
    return {**tables, "features": tables["features"].drop(columns=replaced).merge(own, on=["seed", "feature"])}


def _gated(found: list[Finding]) -> list[Finding]:
    """Leave undecided, whatever its value, what rests on a control that does not hold."""
    holds = {f.id: f.verdict == "supported" for f in found}
    for f in found:
        f.controls = [control for control in f.controls if control in holds]
        if not all(holds[control] for control in f.controls):
            f.verdict = "undecided"
            f.by_seed = [{**seed, "verdict": "undecided"} for seed in f.by_seed]
    return found
