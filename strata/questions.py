"""The four questions: the claims that are tested on what was measured of every feature.

A claim is data: which numbers it looks at, what it computes from them, and where that has to lie. The same code tests
every one of them, for each seed and for all together; its interval alone gives the verdict, unless a control that it
rests on fails.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from strata.findings import Finding, estimated
from strata.layers import PENULTIMATE
from strata.measurements import complexity, earliness
from strata.statistics import (
    Estimate,
    Null,
    bootstrap,
    cohens_d,
    corrected,
    jackknife,
    mean_change,
    mean_difference,
    paired_d,
    pearson,
    ratio,
    spearman,
    spread,
)

UNRELATED = 0.3  # a correlation whose whole interval is nearer to zero than this counts as no clear relation
NOTHING = 0.01  # a mean V-information below this counts as none
SAME_ORDER = 0.8  # a rank correlation of complexity under two predictive families above this counts as the same order
SPREAD = 0.1  # a spectrum of complexity is at least this wide, from its 10th to its 90th percentile

TABLES = ("features", "by_checkpoint", "branch_cka", "control_vinfo", "by_fold", "by_family", "support")

Tables = dict[str, pd.DataFrame]
Parts = tuple[np.ndarray, ...]


class Absent(Exception):
    """A run has not measured what a claim looks at."""


@dataclass(frozen=True)
class Statistic:
    """What is computed from the parts of a claim, arrays of rows × columns (see `strata.statistics`).

    Attributes
    ----------
    of
        The number that the claim is about.
    effect, effect_name
        Its effect size, and what that is called.
    n
        What is counted; all rows, unless said otherwise.
    ranked
        The same of ranks, for correlations.
    """

    of: Callable[..., np.ndarray]
    effect: Callable[..., Any]
    effect_name: str
    n: Callable[..., int] = lambda *parts: sum(map(len, parts))
    ranked: Callable[..., np.ndarray] | None = None


@dataclass(frozen=True)
class Claim:
    """A claim, and how it is tested.

    Attributes
    ----------
    figure
        Name of the figure that shows it.
    parts
        Takes the tables of one seed and the section `questions`; returns arrays whose rows are resampled, each array
        by itself. Raises Absent if the run has not measured them.
    computed
        What is computed from these.
    side, bound
        Where the statistic has to lie: above or below the bound, or within ±bound.
    controls
        Ids of the controls that it rests on.
    of_images
        Whether the statistic is one of images, so that its interval over images is told too.
    """

    id: str
    question: str
    claim: str
    statistic: str
    figure: str
    parts: Callable[[Tables, dict[str, Any]], Parts]
    computed: Statistic
    side: Literal["above", "below", "within"]
    bound: float = 0.0
    controls: tuple[str, ...] = ("control.shuffled",)
    of_images: bool = False
    unit: str = "features"

    @property
    def null(self) -> Null:
        """What the p-value tests against."""
        return (-self.bound, self.bound) if self.side == "within" else self.bound

    def verdict(self, e: Estimate) -> str:
        """Judge by where the interval lies."""
        bounds = {
            "above": (self.bound, np.inf),
            "below": (-np.inf, self.bound),
            "within": (-self.bound, self.bound),
        }
        low, high = bounds[self.side]
        if low < e.low and e.high < high:
            return "supported"
        return "not supported" if e.high < low or high < e.low else "undecided"


def most_important(table: pd.DataFrame, share: float) -> pd.DataFrame:
    """Return the rows of the most important features: a share of them, but at least 5."""
    return table.nlargest(max(5, int(np.ceil(share * len(table)))), "importance")


def complexity_by_family(by_family: pd.DataFrame) -> pd.DataFrame:
    """Return one row a feature that has a complexity: seed, feature, complexity_linear, complexity_mlp."""
    wide = by_family.pivot(index=["seed", "feature"], columns="family", values="complexity").dropna()
    return wide.add_prefix("complexity_").rename_axis(columns=None).reset_index()


# What claims look at: the tables of one seed → parts.


def _rows(tables: Tables, name: str, *columns: str) -> pd.DataFrame:
    """Return the rows of a table that have all of some columns."""
    if name not in tables:
        raise Absent(f"no table {name}")
    for column in columns:
        if column not in tables[name]:
            raise Absent(f"no column {column} in table {name}")
    rows = tables[name].dropna(subset=list(columns))
    if rows.empty:
        raise Absent(f"no row of table {name} with {', '.join(columns) or 'anything'}")
    return rows


def _array(table: pd.DataFrame, *columns: str) -> np.ndarray:
    return table[list(columns)].to_numpy(float)


def _of_features(*columns: str) -> Callable[[Tables, dict[str, Any]], Parts]:
    return lambda tables, settings: (_array(_rows(tables, "features", *columns), *columns),)


def _at_epoch(tables: Tables, which: int, *columns: str) -> np.ndarray:
    """Return columns of the features discovered at the first (0) or last (-1) trained epoch."""
    rows = _rows(tables, "by_checkpoint", "complexity", *columns)
    epochs = _trained_epochs(tables)
    return _array(rows[rows["epoch"] == epochs[which]], *columns)


def _trained_epochs(tables: Tables) -> list[int]:
    """Return the epochs of the trained checkpoints, of which there must be several to tell a change."""
    epochs = sorted(e for e in tables["by_checkpoint"]["epoch"].unique() if e > 0)
    if len(epochs) < 2:
        raise Absent("one trained checkpoint alone")
    return epochs


def _growth(tables: Tables, settings: dict[str, Any]) -> Parts:
    return _at_epoch(tables, 0, "complexity"), _at_epoch(tables, -1, "complexity")


def _initial_bias(tables: Tables, settings: dict[str, Any]) -> Parts:
    return (_at_epoch(tables, 0, "complexity", "importance"),)


def _sedimentation(tables: Tables, settings: dict[str, Any]) -> Parts:
    rows = _rows(tables, "by_checkpoint", "complexity")
    epochs = _trained_epochs(tables)
    tops = [most_important(rows[rows["epoch"] == epoch], settings["top_share"]) for epoch in epochs]
    return tuple(_array(top, "epoch", "complexity") for top in tops)


def _teleport(tables: Tables, settings: dict[str, Any]) -> Parts:
    early = earliness(_rows(tables, "branch_cka")).rename("earliness").reset_index()
    both = _rows(tables, "features", "complexity").merge(early).dropna(subset=["earliness"])
    return (_array(both, "complexity", "earliness"),)


def _support(tables: Tables, settings: dict[str, Any]) -> Parts:
    """Return accuracies: without random features, their noise over images, without the complex half, with all.

    The more complex half of the features holds a share of all importance. Random features that are removed until the
    same share is gone weigh as much one by one. Accuracies are shares of the same n test images, of which the table
    tells no single one: each is given the rows of n correct or wrong answers, resampled apart. The interval is then
    a little too wide, because what the same images have in common does not cancel.
    """
    support = _rows(tables, "support", "accuracy")
    features = _rows(tables, "features", "complexity", "importance").sort_values(["complexity", "feature"])
    half = len(features) // 2
    weight = features["importance"].tail(half).sum() / features["importance"].sum()
    n = int(support["n"].iloc[0])

    def accuracies(order: str, kept: float) -> np.ndarray:
        draws = support[support["order"] == order].pivot(index="share_kept", columns="draw", values="accuracy")
        return np.array([[np.interp(kept, draws.index, draws[draw])] for draw in draws])

    def noise(accuracy: float) -> np.ndarray:
        correct = (np.arange(n) < round(accuracy * n)).astype(float)[:, None]
        return correct - correct.mean()

    without_random = accuracies("random", 1 - weight)
    without_complex = accuracies("complex first", 1 - half / len(features))
    return (
        without_random,
        noise(without_random.mean()),
        without_complex.mean() + noise(without_complex.mean()),
        accuracies("complex first", 1),
    )


def _families(tables: Tables, settings: dict[str, Any]) -> Parts:
    by_family = complexity_by_family(_rows(tables, "by_family"))
    return (_array(by_family, "complexity_linear", "complexity_mlp"),)


def _control(tables: Tables, control: str) -> pd.DataFrame:
    """Return the V-information of a control, features × layers; features without any are left out."""
    rows = _rows(tables, "control_vinfo")
    rows = rows[rows["control"] == control]
    if rows.empty:
        raise Absent(f"no control {control} in table control_vinfo")
    layers = rows["layer"].unique()
    return rows.pivot(index="feature", columns="layer", values="vinfo")[layers].dropna()


def _shuffled(tables: Tables, settings: dict[str, Any]) -> Parts:
    return (_control(tables, "shuffled").to_numpy(),)


def _untrained(tables: Tables, settings: dict[str, Any]) -> Parts:
    untrained = _control(tables, "untrained")
    deepest = untrained.columns[-1]
    trained = _rows(tables, "features", f"vinfo_{deepest}").set_index("feature")[f"vinfo_{deepest}"]
    return (pd.concat([trained, untrained[deepest]], axis=1, join="inner").to_numpy(),)


def _random_directions(tables: Tables, settings: dict[str, Any]) -> Parts:
    layers = _control(tables, "random").drop(columns=PENULTIMATE, errors="ignore")
    random = complexity(layers.to_numpy().T)[:, None]
    return _array(_rows(tables, "features", "complexity"), "complexity"), random


# What is computed: parts → a number.


def _over_parts(correlation: Callable[[np.ndarray], np.ndarray]) -> Callable[..., np.ndarray]:
    return lambda *parts: correlation(np.concatenate(parts, axis=-2))


CORRELATION = Statistic(_over_parts(pearson), _over_parts(pearson), "r", ranked=_over_parts(spearman))
RANKS = Statistic(_over_parts(spearman), _over_parts(spearman), "ρ")
WIDTH = Statistic(spread, lambda k: spread(k) / SPREAD, f"times the margin of {SPREAD}")
EXCESS_WIDTH = Statistic(
    lambda k, random: spread(k) - spread(random), lambda k, random: ratio(spread(k), spread(random)), "ratio of both"
)
CHANGE = Statistic(mean_change, cohens_d, "Cohen's d")
PAIRED_CHANGE = Statistic(mean_difference, paired_d, "Cohen's d of the pairs")
LARGEST_MEAN = Statistic(lambda v: v.mean(-2).max(-1), lambda v: v.mean(-2).max(-1), "share of variance")
MORE_TOGETHER = Statistic(
    lambda random, noise, half, whole: random.mean((-2, -1)) + noise.mean((-2, -1)) - half.mean((-2, -1)),
    lambda random, noise, half, whole: whole.mean() - half.mean(),
    "accuracy lost without the more complex half",
    n=lambda random, noise, half, whole: len(noise),
)

_TRAINED = ("control.shuffled", "control.untrained")

CLAIMS = (
    Claim(
        id="q1.spectrum",
        question="1",
        claim=f"features form a spectrum of complexity, more than {SPREAD} wide",
        statistic="complexity, 90th − 10th percentile",
        figure="q1_spectrum",
        parts=_of_features("complexity"),
        computed=WIDTH,
        side="above",
        bound=SPREAD,
        controls=("control.shuffled", "control.random_directions"),
        of_images=True,
    ),
    Claim(
        id="q2.emergence",
        question="2",
        claim="complex features become decodable later in training",
        statistic="Pearson r(complexity, temporal decoding score)",
        figure="q2_emergence",
        parts=_of_features("complexity", "temporal_decoding_score"),
        computed=CORRELATION,
        side="above",
        controls=_TRAINED,
        of_images=True,
    ),
    Claim(
        id="q2.growth",
        question="2",
        claim="features grow more complex from the first epoch to the last",
        statistic="mean complexity, last − first epoch",
        figure="q2_growth",
        parts=_growth,
        computed=CHANGE,
        side="above",
        controls=_TRAINED,
    ),
    Claim(
        id="q3.teleport",
        question="3",
        claim="the simpler a feature, the earlier the skip branch carries what of it the last block's does",
        statistic="Pearson r(complexity, mean skip CKA as share of the last block's)",
        figure="q3_flow",
        parts=_teleport,
        computed=CORRELATION,
        side="below",
    ),
    Claim(
        id="q4.simplicity_bias",
        question="4",
        claim="at the last epoch, simpler features are more important",
        statistic="Pearson r(complexity, importance)",
        figure="q4_importance",
        parts=_of_features("complexity", "importance"),
        computed=CORRELATION,
        side="below",
        of_images=True,
    ),
    Claim(
        id="q4.simplicity_bias_initial",
        question="4",
        claim=f"at the first epoch, complexity and importance are unrelated (r within ±{UNRELATED})",
        statistic="Pearson r(complexity, importance)",
        figure="q4_importance",
        parts=_initial_bias,
        computed=CORRELATION,
        side="within",
        bound=UNRELATED,
    ),
    Claim(
        id="q4.sedimentation",
        question="4",
        claim="the most important features grow simpler during training",
        statistic="Pearson r(epoch, complexity) of the most important features",
        figure="q2_growth",
        parts=_sedimentation,
        computed=CORRELATION,
        side="below",
        controls=_TRAINED,
    ),
    Claim(
        id="q4.support",
        question="4",
        claim="complex features matter more together than one by one",
        statistic="accuracy without random features of the same total importance − without the more complex half",
        figure="q4_support",
        parts=_support,
        computed=MORE_TOGETHER,
        side="above",
        unit="test images",
    ),
    Claim(
        id="a.redundancy",
        question="appendix",
        claim="complex features are less redundant",
        statistic="Pearson r(complexity, redundancy)",
        figure="a_redundancy",
        parts=_of_features("complexity", "redundancy"),
        computed=CORRELATION,
        side="below",
    ),
    Claim(
        id="a.robustness",
        question="appendix",
        claim="complex features are less robust to noise in the image",
        statistic="Pearson r(complexity, robustness)",
        figure="a_robustness",
        parts=_of_features("complexity", "robustness"),
        computed=CORRELATION,
        side="below",
    ),
    Claim(
        id="a.local",
        question="appendix",
        claim=f"complexity is unrelated to how local a direction is (r within ±{UNRELATED})",
        statistic="Pearson r(complexity, Hoyer sparsity of the direction)",
        figure="a_local",
        parts=_of_features("complexity", "hoyer"),
        computed=CORRELATION,
        side="within",
        bound=UNRELATED,
    ),
    Claim(
        id="a.families",
        question="appendix",
        claim=f"the order of complexity does not depend on the predictive family (rank correlation above {SAME_ORDER})",
        statistic="Spearman ρ(complexity by linear probes, complexity by perceptrons)",
        figure="families",
        parts=_families,
        computed=RANKS,
        side="above",
        bound=SAME_ORDER,
    ),
    Claim(
        id="control.shuffled",
        question="control",
        claim=f"codes shuffled over images are not decodable: V-information is below {NOTHING} in every layer",
        statistic="mean V-information, in the layer where it is largest",
        figure="controls",
        parts=_shuffled,
        computed=LARGEST_MEAN,
        side="below",
        bound=NOTHING,
        controls=(),
    ),
    Claim(
        id="control.random_directions",
        question="control",
        claim="the spectrum is one of discovered features: random directions spread less in complexity",
        statistic="complexity, 90th − 10th percentile, features − random directions",
        figure="controls",
        parts=_random_directions,
        computed=EXCESS_WIDTH,
        side="above",
    ),
    Claim(
        id="control.untrained",
        question="control",
        claim="training makes the features decodable: the last layer tells more of them than the untrained network's",
        statistic="mean V-information, trained − untrained network",
        figure="controls",
        parts=_untrained,
        computed=PAIRED_CHANGE,
        side="above",
    ),
)


def findings(settings: dict[str, Any], also: Sequence[Finding] = (), **tables: pd.DataFrame) -> list[Finding]:
    """Test every claim that the tables allow.

    Parameters
    ----------
    settings
        The section `questions` of the configuration.
    also
        Findings about something else than features, to be corrected and gated with the others.
    features
        One row a feature and seed, of the last checkpoint (`features_of_seed`).
    by_checkpoint
        Features discovered afresh: seed, epoch, feature, complexity, importance.
    branch_cka
        Linear CKA with the branches: seed, layer, feature, cka.
    control_vinfo
        V-information of controls: control (shuffled, untrained, random), seed, layer, feature, vinfo.
    by_fold
        Without each held-out fold: seed, fold, feature, complexity, temporal_decoding_score.
    by_family
        Under either predictive family: seed, family (linear, mlp), feature, complexity.
    support
        Accuracy with ever fewer features: seed, order, draw, share_kept, accuracy, n (test images).
    """
    by_seed = _by_seed(tables)
    tested = [_tested(claim, by_seed, settings) for claim in CLAIMS if _absent(claim, by_seed, settings) is None]
    claims = [*(f for f in tested if f.question != "control"), *also]
    for f, p_value in zip(claims, corrected([f.p_value for f in claims]), strict=True):
        f.p_adjusted = p_value
    return _gated([*claims, *(f for f in tested if f.question == "control")])


def left_out(settings: dict[str, Any], **tables: pd.DataFrame) -> list[str]:
    """Say which claims this run cannot test, and what it lacks for them."""
    by_seed = _by_seed(tables)
    lacking = {claim.id: _absent(claim, by_seed, settings) for claim in CLAIMS}
    return [f"not tested: {name} (this run has {lack})" for name, lack in lacking.items() if lack is not None]


def _by_seed(tables: Tables) -> dict[int, Tables]:
    return {
        int(seed): {name: table[table["seed"] == seed] for name, table in tables.items()}
        for seed in tables["features"]["seed"].unique()
    }


def _absent(claim: Claim, by_seed: dict[int, Tables], settings: dict[str, Any]) -> str | None:
    try:
        for tables in by_seed.values():
            claim.parts(tables, settings)
    except Absent as lack:
        return str(lack)
    return None


def _tested(claim: Claim, by_seed: dict[int, Tables], settings: dict[str, Any]) -> Finding:
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
        **estimated(pooled, each, claim.verdict),
    )
    if statistic.ranked:
        e = _estimate(statistic.ranked, every, claim.null, settings)
        found.spearman, found.spearman_low, found.spearman_high = e.value, e.low, e.high
    if claim.of_images and "by_fold" in next(iter(by_seed.values())) and defined:
        found.images_low, found.images_high = _over_images(claim, by_seed, settings, pooled.value)
    return found


def _estimate(
    statistic: Callable[..., np.ndarray], samples: Sequence[Parts], null: Null, settings: dict[str, Any]
) -> Estimate:
    """Estimate a statistic of the parts of all seeds, resampling within each part of each seed."""
    size = len(samples[0])

    def of_all(*groups: np.ndarray) -> np.ndarray:
        return statistic(*_together([groups[i : i + size] for i in range(0, len(groups), size)]))

    groups = [part for parts in samples for part in parts]
    return bootstrap(of_all, groups, null, settings["bootstrap"], settings["confidence"], settings["seed"])


def _together(samples: Sequence[Parts]) -> Parts:
    """Join the seeds' rows, part by part."""
    return tuple(np.concatenate(parts, axis=-2) for parts in zip(*samples, strict=True))


def _over_images(
    claim: Claim, by_seed: dict[int, Tables], settings: dict[str, Any], whole: float
) -> tuple[float, float]:
    """Return the jackknife interval over images; of a correlation, on Fisher's z, so that it stays within ±1."""
    folds = sorted({fold for tables in by_seed.values() for fold in tables["by_fold"]["fold"]})
    without = []
    for fold in folds:
        samples = [claim.parts(_without_fold(tables, fold), settings) for tables in by_seed.values()]
        without.append(float(claim.computed.of(*_together(samples))))
    if claim.computed is CORRELATION:
        low, high = jackknife(np.arctanh(whole), np.arctanh(without).tolist(), settings["confidence"])
        return float(np.tanh(low)), float(np.tanh(high))
    return jackknife(whole, without, settings["confidence"])


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


def notes(
    features: pd.DataFrame, codes: pd.DataFrame, history: pd.DataFrame, skipped: pd.DataFrame, left_out: Sequence[str]
) -> list[str]:
    """Say what a reader of the findings should know besides: accuracy, fit of the codes, what is missing."""
    last = codes[codes["epoch"] == codes["epoch"].max()]
    accuracy = history[history["epoch"] == history["epoch"].max()]["accuracy"]
    constant = int(features["complexity"].isna().sum())
    said = [
        f"accuracy on test images after the last epoch: {accuracy.mean():.4f}"
        if accuracy.notna().all()
        else "accuracy: not measured, because the head tells other classes than those of the images",
        f"codes of the last checkpoint: R² {last['r2'].mean():.4f}, {last['zeros'].mean():.1%} zeros, "
        f"{last['unsolved'].sum()} images unsolved",
        f"features without V-information (constant code), left out of the claims: {constant} of {len(features)}",
    ]
    if len(skipped):
        names = ", ".join(skipped["image"].head(5))
        more = " …" if len(skipped) > 5 else ""
        said.append(f"unreadable images, skipped: {len(skipped)} ({names}{more}; all in images/*-skipped.csv)")
    return said + [f"left out: {what}" for what in left_out]
