"""How claims are tested: in every network, against nulls, with confounds held fixed, gated by the controls."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from strata.claims.claim import CONFOUNDS, CORRELATION, RELATIVE, Absent, Claim, Frames, Statistic, Tables
from strata.claims.finding import Finding, estimated
from strata.claims.registry import CLAIMS, begins_at, chance_of
from strata.config.keys import Questions
from strata.measures.stability import STABLE
from strata.statistics import (
    Estimate,
    Rows,
    corrected,
    difference,
    jackknifed,
    over_groups,
    over_networks,
    over_seeds,
    widening,
)

TABLES = ("features", "by_checkpoint", "branch_cka", "control_vinfo", "by_fold", "by_family", "support", "history")
Networks = dict[int, Tables]  # seed → the tables of its network


def findings(
    settings: Questions,
    *,
    also: Sequence[Finding] = (),
    nulls: Mapping[str, Tables] | None = None,
    **tables: pd.DataFrame,
) -> list[Finding]:
    """Test every claim that the tables allow.

    Parameters
    ----------
    settings
        The section `questions` of the configuration.
    also
        Findings about something else than features, to be corrected and gated with the others.
    nulls
        What nulls are called, to the same tables of them.
    **tables
        By their names: those of `strata.measures.measurements.tables_of_population` for all seeds, `support` and
        `history` (`TABLES`). A claim whose tables are missing is not tested.
    """
    chance = chance_of(tables["features"])  # that of nulls too, whose directions may come from no class
    networks = _by_seed(tables, chance)
    others = {name: _by_seed(own, chance) for name, own in (nulls or {}).items()}
    looked_at = [(claim, *_looked_at(claim, networks, settings)) for claim in CLAIMS]
    tested = [_tested(claim, frames, networks, others, settings) for claim, frames, lack in looked_at if not lack]
    judged = [*(f for f in tested if f.question != "control"), *also]
    for f, p_value in zip(judged, corrected([f.p_value for f in judged]), strict=True):
        f.p_adjusted = p_value
    learned = _not_learned(networks)
    found = [*judged, *(f for f in tested if f.question == "control")]
    verdicts = {f.id: f.verdict for f in found}
    claims = {claim.id: claim for claim in CLAIMS}
    return [_judged(f, claims.get(f.id), verdicts, learned, settings) for f in found]


def left_out(settings: Questions, **tables: pd.DataFrame) -> dict[str, str]:
    """Return the ids of the claims that this run cannot test, to why: what it lacks for them.

    Parameters
    ----------
    settings
        The section `questions` of the configuration.
    **tables
        By their names (see `findings`).
    """
    networks = _by_seed(tables, chance_of(tables["features"]))
    lacking = {claim.id: _looked_at(claim, networks, settings)[1] for claim in CLAIMS}
    return {name: f"this run has {lack}" for name, lack in lacking.items() if lack}


def _by_seed(tables: Tables, chance: float) -> Networks:
    if "history" in tables:
        tables = {**tables, "history": tables["history"].assign(chance=chance)}
    return {
        int(seed): {name: table[table["seed"] == seed] for name, table in tables.items()}
        for seed in tables["features"]["seed"].unique()
    }


def _looked_at(claim: Claim, networks: Networks, settings: Questions) -> tuple[dict[int, Frames], str]:
    """Return what a claim looks at in every network, and what it lacks, or nothing."""
    frames = {}
    try:
        for seed, tables in networks.items():
            frames[seed] = claim.frames(tables, settings)
            claim.parts(frames[seed])
    except Absent as lack:
        return {}, str(lack)
    return frames, ""


def _tested(
    claim: Claim,
    frames: Mapping[int, Frames],
    networks: Networks,
    nulls: Mapping[str, Networks],
    settings: Questions,
) -> Finding:
    statistic = claim.computed
    samples = {seed: claim.parts(own) for seed, own in frames.items()}
    each = {seed: _of_one(claim, parts, settings) for seed, parts in samples.items()}
    whole = _of_all(list(each.values()), claim, settings)
    found = Finding(
        id=claim.id,
        question=claim.question,
        claim=claim.claim,
        statistic=claim.statistic,
        side=claim.side,
        bound=claim.bound,
        n=sum(statistic.n(*_values(parts)) for parts in samples.values()),
        effect=_effect(statistic, list(samples.values())) if np.isfinite(whole.value) else None,
        effect_name=statistic.effect_name,
        figure=claim.figure,
        controls=list(claim.controls),
        unit=claim.unit,
        note="; ".join(dict.fromkeys(filter(None, (claim.note(tables, settings) for tables in networks.values())))),
        **estimated(whole, each, verdict=lambda e: claim.lies(e, confidence=settings.confidence)),
    )
    if claim.of_images and all("by_fold" in tables for tables in networks.values()):
        images = _over_images(claim, networks, settings, whole.value)
        found.images_low, found.images_high = images.low, images.high
    found.nulls = [
        told for name, others in nulls.items() if (told := _against(name, others, claim, each, settings)) is not None
    ]
    found.given = _given(claim, list(frames.values()), settings) if statistic is CORRELATION else []
    for what, columns in claim.beside:
        parts = [claim.parts(own, columns=columns) for own in frames.values()]
        e = _of_all([_of_one(claim, own, settings) for own in parts], claim, settings)
        found.beside.append({"what": what, "value": e.value, "ci_low": e.low, "ci_high": e.high})
    return found


def _of_one(claim: Claim, parts: Sequence[Rows], settings: Questions) -> Estimate:
    """Estimate a claim's statistic in one network, with an interval over its classes."""
    how = claim.computed
    return over_groups(how.of, parts, null=claim.null, confidence=settings.confidence, scale=how.scale, trust=how.trust)


def _of_all(each: Sequence[Estimate], claim: Claim, settings: Questions) -> Estimate:
    """Estimate it over networks; with one network alone, what that tells."""
    how = claim.computed
    return over_networks(each, null=claim.null, confidence=settings.confidence, scale=how.scale, biased=how.biased)


def _values(parts: Sequence[Rows]) -> list[np.ndarray]:
    return [part.values for part in parts]


def _effect(statistic: Statistic, samples: Sequence[Sequence[Rows]]) -> float:
    """Return the mean effect size over networks."""
    return float(np.mean([statistic.effect(*_values(parts)) for parts in samples]))


def _against(
    name: str, others: Networks, claim: Claim, each: Mapping[int, Estimate], settings: Questions
) -> dict[str, Any] | None:
    """Compare a claim's statistic with that of a null; None where the null has none."""
    try:
        parts = {seed: claim.parts(claim.frames(tables, settings)) for seed, tables in others.items()}
    except Absent:
        return None
    nulls = {seed: _of_one(claim, own, settings) for seed, own in parts.items()}
    scale, confidence = claim.computed.scale, settings.confidence
    if len(each) == 1:
        ((seed, own),) = each.items()
        told = difference(own, nulls[seed], confidence=confidence, scale=scale)
    else:
        steps = [float(scale.to(each[seed].value) - scale.to(nulls[seed].value)) for seed in each]
        told = over_seeds(steps, null=0.0, confidence=confidence)
    if not np.isfinite(told.value):
        return None
    beaten = {"above": told.low > 0, "below": told.high < 0, "within": True}[claim.side]
    value = float(scale.back(np.mean([scale.to(e.value) for e in nulls.values()])))
    return {
        "null": name,
        "value": value,
        "difference": told.value,
        "ci_low": told.low,
        "ci_high": told.high,
        "p_value": told.p_value,
        "beaten": bool(beaten),
    }


def _given(claim: Claim, frames: Sequence[Frames], settings: Questions) -> list[dict[str, Any]]:
    """Tell a correlation with confounds held fixed, with relative complexity, and of stable features alone."""
    ways: dict[str, dict[str, Any]] = {name: {"given": columns} for name, columns in CONFOUNDS.items()}
    ways["relative complexity"] = {"columns": [RELATIVE.get(column, column) for column in claim.columns]}
    ways[f"stable features (cosine ≥ {STABLE})"] = {"among": _stable}
    told = []
    for name, how in ways.items():
        try:
            samples = [claim.parts(own, **how) for own in frames]
        except Absent:
            continue
        e = _of_all([_of_one(claim, parts, settings) for parts in samples], claim, settings)
        n = sum(len(parts[0].values) for parts in samples)
        verdict = claim.lies(e, confidence=settings.confidence)
        told.append({"given": name, "value": e.value, "ci_low": e.low, "ci_high": e.high, "n": n, "verdict": verdict})
    return told


def _stable(frame: pd.DataFrame) -> pd.DataFrame:
    if "stability" not in frame:
        raise Absent("no column stability")
    return frame[frame["stability"] >= STABLE]


def _over_images(claim: Claim, networks: Networks, settings: Questions, whole: float) -> Estimate:
    """Estimate with a jackknife interval over images."""
    folds = sorted({fold for tables in networks.values() for fold in tables["by_fold"]["fold"]})
    scale = claim.computed.scale
    without = []
    for fold in folds:
        told = (claim.frames(_without_fold(tables, fold), settings) for tables in networks.values())
        own = [claim.parts(frames) for frames in told]
        without.append(scale.back(np.mean([scale.to(claim.computed.of(*_values(parts))) for parts in own])))
    wider = widening(len(folds))
    return jackknifed(whole, without, confidence=settings.confidence, scale=scale, inflation=wider)


def _without_fold(tables: Tables, fold: int) -> Tables:
    """Return the tables with the features' scalars as they are without one fold of images."""
    own = tables["by_fold"][tables["by_fold"]["fold"] == fold].drop(columns=["fold"])
    replaced = own.columns.difference(["seed", "feature"])
    return {**tables, "features": tables["features"].drop(columns=replaced).merge(own, on=["seed", "feature"])}


def _not_learned(networks: Networks) -> str:
    """Say so where the networks have not learned the task, else nothing; also where accuracy is not known."""
    told = []
    for tables in networks.values():
        if "history" not in tables or tables["history"]["accuracy"].isna().all():
            continue
        accuracy = float(tables["history"].sort_values("epoch")["accuracy"].iloc[-1])
        chance = float(tables["history"]["chance"].iloc[0])
        if accuracy < begins_at(chance):
            told.append(f"{accuracy:.3f} (chance {chance:.3f})")
    return f"the network has not learned the task: accuracy {', '.join(told)}" if told else ""


def _judged(
    f: Finding, claim: Claim | None, verdicts: Mapping[str, str], not_learned: str, settings: Questions
) -> Finding:
    """Decide the verdict of a finding."""
    if claim and claim.question != "control":
        e = Estimate(f.value, f.ci_low, f.ci_high, f.p_value)
        f.alone = claim.lies(e, confidence=settings.confidence, p_value=f.p_adjusted)
        if claim.of_learning and not_learned:
            f.because.append(not_learned)
        if f.alone == "supported":
            f.because += [f"no more than in the null {null['null']}" for null in f.nulls if not null["beaten"]]
    else:
        f.alone = f.verdict
    f.controls = [control for control in f.controls if control in verdicts]
    failed = [f"{control} ({verdicts[control]})" for control in f.controls if verdicts[control] != "supported"]
    f.because += [f"it rests on {control}" for control in failed]
    f.verdict = "undecided" if f.because else f.alone
    return f
