"""Coverage: how often the 95 % intervals that Strata prints hold the truth, by simulation.

    python benchmarks/intervals.py [simulation …]

Written to coverage.csv, a row a condition; where simulations are named (see `SIMULATIONS`), their rows replace those
that are there. Data are drawn from populations whose truth is known: analytically where nothing else is said. Columns
are monotone functions (margins) of normal ones that are correlated by ρ (a Gaussian copula), and of whose variance a
share is that of their class (the intraclass correlation).
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import stats

from strata.claims.claim import CORRELATION
from strata.claims.registry import CHANGE, CONTINUITY, COSTLIER, TREND, WIDTH
from strata.figures.how_much import OVER_IMAGES, OVER_NETWORKS
from strata.figures.parts import TRUST
from strata.measures.complexity import complexity, relative_complexity, without_each_fold
from strata.measures.support import GROUPS
from strata.probes.moments import Moments
from strata.probes.ridge import v_information
from strata.statistics import (
    FISHER,
    PLAIN,
    Estimate,
    Rows,
    Scale,
    difference,
    groups_of,
    jackknifed,
    mean_change,
    mean_difference,
    over_groups,
    over_networks,
    over_seeds,
    spearman,
    widening,
)

CONFIDENCE = 0.95
ENOUGH = 0.93  # coverage below this is too little
TABLE = Path(__file__).parent / "coverage.csv"
SHARED = 0.3  # intraclass correlation, where there is one
BETWEEN = 0.3  # standard deviation between networks: of correlations in Fisher's z, else as a share of the statistic
CORRELATIONS = (0.0, 0.4, -0.8)
SEEDS = (2, 3, 5, 10)
MARGINS = {
    "normal": lambda g: g,
    "lognormal 1": np.exp,
    "lognormal 1.5": lambda g: np.exp(1.5 * g),
}
BOUNDED = {  # in [0, 1], as all is that means are printed of
    "normal in [0, 1]": stats.norm.cdf,
    "lognormal 1 in [0, 1]": lambda g: 1 / (1 + 5 * np.exp(-g)),
    "lognormal 1.5 in [0, 1]": lambda g: 1 / (1 + 5 * np.exp(-1.5 * g)),
}
Sample = Sequence[np.ndarray]  # what statistics take


def compare(wanted: Sequence[str] = ()) -> list[dict]:
    """Measure all coverages, or those of some simulations, write them to coverage.csv, and return its summary."""
    rows = []
    for number, simulate in enumerate(SIMULATIONS):
        if not wanted or simulate.__name__ in wanted:
            began = time.process_time()
            rows += simulate(np.random.default_rng(number))
            print(f"{simulate.__name__}: {time.process_time() - began:.0f} processor seconds", flush=True)
    table = pd.DataFrame(rows)
    if wanted:
        last = pd.read_csv(TABLE, keep_default_na=False)
        rank = {interval: place for place, interval in enumerate(last["interval"].unique())}
        table = pd.concat([last[~last["interval"].isin(table["interval"])], table])
        table = table.sort_values("interval", kind="stable", key=lambda name: name.map(rank))
    table.to_csv(TABLE, index=False, float_format="%.4g")
    return summary(table)


def summary(table: pd.DataFrame) -> list[dict]:
    """Return what is told of every interval: how it covers over all conditions, and where it covers least."""
    told = []
    for interval, own in table.groupby("interval", sort=False):
        least = own.loc[own["coverage"].idxmin()]
        parts = [least["data"], least["groups"], f"n = {least['n']:,}"]
        if least["seeds"] > 1:
            parts.append(f"{least['seeds']} seeds, between them {least['between_seeds']:g}")
        told.append(
            {
                "interval": interval,
                "conditions": len(own),
                "median": f"{own['coverage'].median():.3f}",
                "smallest": f"{least['coverage']:.3f} ± {least['error']:.3f}",
                "where": ", ".join(filter(None, parts)),
                f"below {ENOUGH} by two errors": int((own["coverage"] + 2 * own["error"] < ENOUGH).sum()),
            }
        )
    return told


def counted(
    interval: str,
    estimates: Sequence[Estimate],
    truth: float | Sequence[float],
    *,
    data: str,
    n: int,
    groups: str = "",
    seeds: int = 1,
    between: float = 0.0,
    sets: int | None = None,
) -> dict:
    """Return a row of the table: how many of the estimates hold the truth (one, or one each), and what was simulated.

    The error is that of the simulation, at most that of a share of 95 %, so that it is never 0. Where estimates come of
    the same data, `sets` is how many are independent.
    """
    ends = np.array([(e.low, e.high) for e in estimates])
    defined = np.isfinite(ends).all(1)
    holds = ((ends[:, 0] <= truth) & (truth <= ends[:, 1]))[defined]
    share = holds.mean()
    likely = min(share, CONFIDENCE)
    return {
        "interval": interval,
        "data": data,
        "groups": groups,
        "n": n,
        "seeds": seeds,
        "between_seeds": between,
        "repetitions": sets or len(holds),
        "undefined": int((~defined).sum()),
        "coverage": share,
        "error": np.sqrt(likely * (1 - likely) / (sets or len(holds))),
        "median_width": np.median(np.diff(ends[defined], axis=1)),
    }


# Populations.


def correlated_by(rho: float, columns: int = 2) -> np.ndarray:
    """Return a covariance: ρ between the first two columns, 0.3 of both with every other, none among those."""
    covariance = np.eye(columns)
    covariance[:2, 2:] = covariance[2:, :2] = 0.3
    covariance[0, 1] = covariance[1, 0] = rho
    return covariance


def drawn(rng: np.random.Generator, covariance: np.ndarray, classes: np.ndarray, shared: float) -> np.ndarray:
    """Draw normal columns, of whose variance (1) and covariance a share is that of the class of a row."""
    root = np.linalg.cholesky(covariance)
    own, of_class = (rng.standard_normal((count, len(root))) for count in (len(classes), classes.max() + 1))
    return (np.sqrt(1 - shared) * own + np.sqrt(shared) * of_class[classes]) @ root.T


@cache
def layouts(n: int) -> list[tuple[str, np.ndarray, np.ndarray, float]]:
    """Return how rows may fall into classes: what it is called, classes, groups, intraclass correlation."""
    counts = [("10 classes, clustered", 10, SHARED), ("independent", n, 0.0)]
    if n > 1000:
        counts += [("1,000 classes, clustered", 1000, SHARED)]
    else:
        counts += [("10 classes", 10, 0.0), ("64 classes, clustered", 64, SHARED)]
    return [(name, np.arange(n) % count, groups_of(np.arange(n) % count), shared) for name, count, shared in counts]


def expected(margin: Callable[[np.ndarray], np.ndarray], shift: float = 0.0) -> float:
    """Return the mean of a margin of a normal variable."""
    g = np.linspace(-14, 14, 20_001)
    return float(np.trapezoid(margin(g + shift) * stats.norm.pdf(g), g))


def width(margin: Callable[[np.ndarray], np.ndarray]) -> float:
    """Return how far the 90th percentile of a margin is from the 10th."""
    low, high = margin(stats.norm.ppf([0.1, 0.9]))
    return float(high - low)


def rank_correlation(covariance: np.ndarray) -> float:
    """Return Spearman's ρ of the first two columns given the others, of a Gaussian copula (Kruskal 1958)."""
    precision = np.linalg.inv(6 / np.pi * np.arcsin(covariance / 2))
    return float(-precision[0, 1] / np.sqrt(precision[0, 0] * precision[1, 1]))


def of_rank_correlation(rho: float) -> float:
    """Return the correlation of a Gaussian copula whose Spearman's ρ is given."""
    return float(2 * np.sin(np.pi * rho / 6))


# Intervals of one network.


def one_network(
    interval: str,
    sample: Callable[[np.random.Generator, np.ndarray, float], Sample],
    truth: float,
    *,
    rng: np.random.Generator,
    of: Callable[..., float],
    scale: Scale = PLAIN,
    trust: float = 1.0,
    data: str,
    repetitions: dict[int, int],
    most: int = 4,
) -> Iterator[dict]:
    """Simulate a statistic of one network with all layouts of rows into classes.

    Parameters
    ----------
    interval, data
        What they are called.
    sample
        Draws parts, given classes and intraclass correlation.
    truth
        The statistic of the population.
    rng
        Random numbers.
    of, scale, trust
        The statistic.
    repetitions
        Number of rows to how many times it is simulated.
    most
        How many layouts.
    """
    for n, count in repetitions.items():
        for name, classes, groups, shared in layouts(n)[:most]:
            estimates = [
                over_groups(
                    of,
                    [Rows(part, groups) for part in sample(rng, classes, shared)],
                    null=0.0,
                    confidence=CONFIDENCE,
                    scale=scale,
                    trust=trust,
                )
                for _ in range(count)
            ]
            yield counted(interval, estimates, truth, data=data, n=n, groups=name)


def ranks(rng: np.random.Generator) -> Iterator[dict]:
    """Simulate Spearman's ρ, which is the same for all margins; given 1 and 3 columns too."""
    few, many = {100: 1000, 10_000: 200}, {100: 500}
    simulations = [(0, rho, few, 4) for rho in CORRELATIONS]
    simulations += [(given, rho, many, 4) for given in (1, 3) for rho in (0.0, 0.4)]
    simulations += [(given, 0.4, {10_000: 200}, 1) for given in (1, 3)]
    for given, rho, repetitions, most in simulations:
        covariance = correlated_by(rho, 2 + given)
        yield from one_network(
            f"Spearman ρ given {given} columns" if given else "Spearman ρ",
            lambda rng, *how, covariance=covariance: [drawn(rng, covariance, *how)],
            rank_correlation(covariance),
            rng=rng,
            of=CORRELATION.of,
            scale=FISHER,
            data=f"ρ = {rho:g}",
            repetitions=repetitions,
            most=most,
        )


def means(rng: np.random.Generator) -> Iterator[dict]:
    """Simulate means of values in [0, 1], which are all that figures show means of, but for losses."""
    repetitions = {10: 4000, 100: 2000, 10_000: 400}
    yield from of_bounded(rng, "mean", expected, of=np.mean, trust=TRUST, repetitions=repetitions)


def spreads(rng: np.random.Generator) -> Iterator[dict]:
    """Simulate the spread of values in [0, 1], as complexity is."""
    repetitions = {100: 1000, 10_000: 150}
    yield from of_bounded(rng, "spread", width, of=WIDTH.of, trust=WIDTH.trust, repetitions=repetitions)


def of_bounded(rng: np.random.Generator, what: str, truth: Callable[[Callable], float], **how: Any) -> Iterator[dict]:
    """Simulate a statistic of one column of values in [0, 1], of every margin."""
    for name, margin in BOUNDED.items():
        yield from one_network(
            f"{what} in [0, 1]",
            lambda rng, *layout, margin=margin: [margin(drawn(rng, np.eye(1), *layout))],
            truth(margin),
            rng=rng,
            data=name.removesuffix(" in [0, 1]"),
            **how,
        )


def changes(rng: np.random.Generator) -> Iterator[dict]:
    """Simulate differences of means, of two samples and of pairs; of unbounded values, of samples alone."""
    for name, margin in {**MARGINS, **BOUNDED}.items():
        bounded = " in [0, 1]" if name in BOUNDED else ""
        how = {"rng": rng, "data": name.removesuffix(bounded), "repetitions": {100: 2000, 10_000: 1000}}

        def pair(rng, *how, margin=margin):
            g = drawn(rng, correlated_by(0.4), *how)
            return [np.column_stack([margin(g[:, 0] + 0.3), margin(g[:, 1])])]

        def both(rng, *how, pair=pair):
            return [part[:, None] for part in pair(rng, *how)[0].T[::-1]]

        change = expected(margin, 0.3) - expected(margin)
        if not bounded:
            yield from one_network("difference of means", both, change, of=mean_change, trust=TRUST, **how)
            continue
        yield from one_network("difference of means in [0, 1]", both, change, of=CHANGE.of, **how)
        yield from one_network("mean difference of pairs in [0, 1]", pair, change, of=mean_difference, **how)


def few_classes(rng: np.random.Generator) -> Iterator[dict]:
    """Simulate means of so few classes that rows are left out one by one: truth of these classes, and of all others."""
    classes, own_share = np.arange(100) % 5, 1 - SHARED
    groups = groups_of(classes)
    estimates, these = [], []
    for _ in range(1000):
        of_class = np.sqrt(SHARED) * rng.standard_normal(5)
        x = stats.norm.cdf(np.sqrt(own_share) * rng.standard_normal(100) + of_class[classes])
        estimates.append(over_groups(np.mean, [Rows(x, groups)], null=0.0, confidence=CONFIDENCE, trust=TRUST))
        these.append(stats.norm.cdf(of_class / np.sqrt(1 + own_share)).mean())
    how = {"data": "normal", "groups": "5 classes, clustered", "n": 100}
    yield counted("mean in [0, 1], of few classes", estimates, these, **how)
    yield counted("mean in [0, 1], of few classes, for all classes", estimates, [0.5] * 1000, **how)


def losses(rng: np.random.Generator) -> Iterator[dict]:
    """Simulate what test images lose without some features, and by how much that is more than without others.

    Both are over 20 groups of images.
    """
    how = {"null": 0.0, "confidence": CONFIDENCE}
    for name, margin in MARGINS.items():
        for n, count in ((100, 4000), (10_000, 400)):
            group = np.arange(n) % GROUPS
            lost, more = [], []
            for _ in range(count):
                g = np.add(drawn(rng, correlated_by(0.4), group, 0.0), [0.3, 0.0])
                sums = np.stack([*(np.bincount(group, column) for column in margin(g).T), np.bincount(group)], axis=1)
                table = np.column_stack([sums[:, :2] / sums[:, 2:], sums[:, 2]])
                parts = [Rows(table, groups_of(np.arange(GROUPS)))]
                more.append(over_groups(COSTLIER.of, parts, trust=COSTLIER.trust, **how))
                lost.append(over_groups(mean_loss, parts, **OVER_IMAGES["loss"], **how))
            about = {"data": name, "groups": "20 groups of images", "n": n}
            truth = expected(margin)
            yield counted("difference of losses", more, expected(margin, 0.3) - truth, **about)
            if name != "normal":  # losses are positive
                yield counted("mean loss", lost, truth, **about)


def mean_loss(table: np.ndarray) -> float:
    """Return the mean of the second column, weighed by the third."""
    return float(np.average(table[:, 1], weights=table[:, 2]))


EPOCHS = np.arange(1.0, 11)
PATHS = {  # by how much more complex the most important features are than the rest, in standard deviations
    "no trend": 0 * EPOCHS,
    "falls, then rises": 0.1 * np.abs(EPOCHS - 7.2),
    "falls": -0.2 * EPOCHS,
}


def trend(rng: np.random.Generator) -> Iterator[dict]:
    """Simulate the change over epochs of how much more complex the most important tenth is than the rest."""
    for name, path in PATHS.items():
        truth = stats.linregress(EPOCHS, path).slope * np.ptp(EPOCHS)
        for n, count, most in ((100, 300, 2), (10_000, 30, 1)):
            for layout, classes, groups, shared in layouts(n)[:most]:
                top = np.arange(n) * 10 // n == 0  # of every class a tenth
                estimates = []
                for _ in range(count):
                    g = drawn(rng, np.eye(len(EPOCHS)), classes, shared) + np.outer(top, path)
                    columns = [np.repeat(EPOCHS, n), g.T.ravel(), np.tile(top, len(EPOCHS)).astype(float)]
                    rows = Rows(np.column_stack(columns), np.tile(groups, len(EPOCHS)))
                    estimates.append(over_groups(TREND.of, [rows], null=0.0, confidence=CONFIDENCE, scale=TREND.scale))
                yield counted("change over epochs", estimates, truth, data=name, groups=layout, n=n)


def continuity(rng: np.random.Generator) -> Iterator[dict]:
    """Simulate how far complexities lie from 4 clusters, in their errors; the truth is that of 100,000 features."""

    def clustered(g):
        return np.array([0.1, 0.3, 0.6, 0.9])[np.floor(4 * stats.norm.cdf(g)).astype(int)]

    def sample(rng, *how, margin):
        k = margin(drawn(rng, np.eye(1), *how))
        error = 0.02 * np.exp(0.5 * rng.standard_normal(k.shape))
        return [np.hstack([k + error * rng.standard_normal(k.shape), error])]

    for name, margin in {**BOUNDED, "4 clusters": clustered}.items():
        draw = partial(sample, margin=margin)
        (many,) = draw(rng, np.arange(100_000), 0.0)
        for n, count, most in ((100, 200, 2), (10_000, 30, 1)):
            for layout, classes, groups, shared in layouts(n)[:most]:
                estimates = [
                    over_groups(
                        CONTINUITY.of, [Rows(part, groups)], null=0.0, confidence=CONFIDENCE, trust=CONTINUITY.trust
                    )
                    for _ in range(count)
                    for part in draw(rng, classes, shared)
                ]
                yield counted("continuity", estimates, CONTINUITY.of(many), data=name, groups=layout, n=n)


def differences(rng: np.random.Generator) -> Iterator[dict]:
    """Simulate a statistic of one network less that of another, independent one."""

    def estimate(how, part, groups):
        parts = [Rows(part, groups)]
        return over_groups(how.of, parts, null=0.0, confidence=CONFIDENCE, scale=how.scale, trust=how.trust)

    n = 100
    for layout, classes, groups, shared in layouts(n):
        for pair in ((0.4, 0.4), (0.4, 0.0), (-0.8, 0.0)):
            told = []
            for _ in range(300):
                own = [estimate(CORRELATION, drawn(rng, correlated_by(rho), classes, shared), groups) for rho in pair]
                told.append(difference(*own, confidence=CONFIDENCE, scale=FISHER))
            one, other = (FISHER.to(rank_correlation(correlated_by(rho))) for rho in pair)
            data = f"ρ = {pair[0]:g} and {pair[1]:g}"
            yield counted("difference of two Spearman ρ", told, one - other, data=data, groups=layout, n=n)
        for name, margin in BOUNDED.items():
            told = []
            for _ in range(300):
                parts = (margin(drawn(rng, np.eye(1), classes, shared)) * size for size in (1, 0.5))
                own = [estimate(WIDTH, part, groups) for part in parts]
                told.append(difference(*own, confidence=CONFIDENCE))
            data = name.removesuffix(" in [0, 1]")
            yield counted("difference of two spreads in [0, 1]", told, width(margin) / 2, data=data, groups=layout, n=n)


# Intervals of several networks.


def seeds(rng: np.random.Generator) -> Iterator[dict]:
    """Simulate Spearman's ρ over networks, and its difference from another's."""
    for n, count, numbers in ((100, 1000, SEEDS), (10_000, 60, (3, 10))):
        for rho in CORRELATIONS:
            centre = np.arctanh(rank_correlation(correlated_by(rho)))
            for between in (0.0, BETWEEN):
                for number in numbers:
                    own, null = (
                        [
                            [correlation_of_network(rng, centre, between, n) for _ in range(number)]
                            for _ in range(repetitions)
                        ]
                        for repetitions in (count, count if n == 100 else 0)
                    )
                    how = {"data": f"ρ = {rho:g}", "n": n, "seeds": number, "between": between}
                    estimates = [over_seeds(r, null=0.0, confidence=CONFIDENCE, scale=FISHER) for r in own]
                    yield counted("Spearman ρ, several seeds", estimates, np.tanh(centre), **how)
                    if null:
                        steps = [
                            FISHER.to(np.array(one)) - FISHER.to(np.array(other))
                            for one, other in zip(own, null, strict=True)
                        ]
                        estimates = [over_seeds(step, null=0.0, confidence=CONFIDENCE) for step in steps]
                        yield counted("difference of Spearman ρ, several seeds", estimates, 0.0, **how)


def values_of_seeds(rng: np.random.Generator) -> Iterator[dict]:
    """Simulate means and spreads of values in [0, 1], and mean losses, over networks of 100 features or test images."""
    losses = {name: margin for name, margin in MARGINS.items() if name != "normal"}
    groups, told = groups_of(np.arange(100)), {"null": 0.0, "confidence": CONFIDENCE}

    def mean_of(networks):
        return over_seeds([x.mean() for x in networks], **told)

    def loss_of(networks):
        means = np.array([x.mean() for x in networks])
        return over_groups(np.mean, [Rows(means, groups_of(np.arange(len(means))))], **OVER_NETWORKS["loss"], **told)

    def spread_of(networks):
        each = [over_groups(WIDTH.of, [Rows(x, groups)], trust=WIDTH.trust, **told) for x in networks]
        return over_networks(each, biased=WIDTH.biased, **told)

    for what, estimate, truth, margins, count in (
        ("mean in [0, 1], several seeds", mean_of, expected, BOUNDED, 2000),
        ("spread in [0, 1], several seeds", spread_of, width, BOUNDED, 400),
        ("mean loss, several seeds", loss_of, expected, losses, 8000),
    ):
        for name, margin in margins.items():
            for between in (0.0, BETWEEN):
                for number in SEEDS:
                    sizes = 1 + between * rng.standard_normal((count, number))
                    estimates = [
                        estimate([size * margin(rng.standard_normal((100, 1))) for size in own]) for own in sizes
                    ]
                    about = {"data": name.removesuffix(" in [0, 1]"), "n": 100, "seeds": number, "between": between}
                    yield counted(what, estimates, truth(margin), **about)


def correlation_of_network(rng: np.random.Generator, centre: float, between: float, n: int) -> float:
    """Return Spearman's ρ of a sample of a network, whose own ρ differs from that of others in Fisher's z."""
    rho = of_rank_correlation(np.tanh(centre + between * rng.standard_normal()))
    return spearman(drawn(rng, correlated_by(rho), np.arange(n), 0.0))


# Intervals over images.

IMAGES, UNITS, FEATURES, FOLDS = 300, 16, 40, 5
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)


def images(rng: np.random.Generator) -> Iterator[dict]:
    """Simulate probes of 3 layers, over images. The truth is the mean of the same over 500 sets of as many images."""
    for name, activate in (("normal", lambda u: u), ("rectified", lambda u: np.maximum(u, 0))):
        weights = rng.standard_normal((UNITS, FEATURES)) / np.sqrt(UNITS)
        noise = np.geomspace(0.1, 3, FEATURES)
        fixed = stats.rankdata(noise) + 12 * rng.standard_normal(FEATURES)
        draw = partial(probed, rng, weights=weights, noise=noise, activate=activate)
        truth = np.mean([draw()[0] for _ in range(500)], axis=0)
        estimates: dict[str, list] = {}
        for _ in range(200):
            for what, own in told_of_images(*draw(), fixed=fixed).items():
                estimates.setdefault(what, []).append(own)
        exact = scalars(truth, fixed)
        exact |= dict(zip(EACH, each_feature(truth), strict=True))
        for what, own in estimates.items():
            held = exact[what]
            if np.ndim(held):
                own, held = [e for row in own for e in row], np.tile(held, len(own))
            how = {"data": name, "n": IMAGES, "groups": f"{FOLDS} folds", "sets": 200}
            yield counted(f"{what}, over images", own, held, **how)


def probed(
    rng: np.random.Generator, *, weights: np.ndarray, noise: np.ndarray, activate: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return V-information of the codes of new images (layers × features), and without each fold (first axis)."""
    x = rng.standard_normal((IMAGES, UNITS)) * np.geomspace(1, 0.2, UNITS)
    z = activate(x @ weights + 0.3 * noise * rng.standard_normal((IMAGES, FEATURES)))
    fold = torch.from_numpy(rng.permutation(np.arange(IMAGES) % FOLDS))
    whole, without = [], []
    for seen in (UNITS, UNITS // 2, UNITS // 4):
        layer, codes = torch.from_numpy(x[:, :seen].copy()), torch.from_numpy(z)
        told = v_information(Moments.of(layer, codes, fold=fold, folds=FOLDS), PENALTIES)
        whole.append(told.value.numpy())
        without.append(without_each_fold(told.sse.numpy(), told.sst.numpy()))
    return np.stack(whole), np.stack(without, axis=1)


def scalars(vinfo: np.ndarray, fixed: np.ndarray) -> dict[str, float]:
    """Return statistics of V-information (layers × features)."""
    k = complexity(vinfo)
    return {
        "mean V-information": float(vinfo[0].mean()),
        "mean complexity": float(k.mean()),
        "spread of complexity": WIDTH.of(k[:, None]),
        "Spearman ρ with complexity": spearman(np.column_stack([k, fixed])),
    }


EACH = ("V-information of a feature", "complexity of a feature", "relative complexity of a feature")


def each_feature(vinfo: np.ndarray) -> np.ndarray:
    """Return what is told of every feature (see `EACH`); the first layer of V-information is the ceiling."""
    return np.stack([vinfo[0], complexity(vinfo), relative_complexity(vinfo, vinfo[0], floor=0)])


def told_of_images(vinfo: np.ndarray, without: np.ndarray, *, fixed: np.ndarray) -> dict:
    """Return the estimates with intervals over images that these make."""
    interval = partial(jackknifed, confidence=CONFIDENCE, inflation=widening(FOLDS))
    parts = pd.DataFrame([scalars(own, fixed) for own in without])
    told: dict = {
        what: interval(value, parts[what], scale=FISHER if what.startswith("Spearman") else PLAIN)
        for what, value in scalars(vinfo, fixed).items()
    }
    whole, each = each_feature(vinfo), np.stack([each_feature(own) for own in without])
    for number, what in enumerate(EACH):
        told[what] = [interval(*own) for own in zip(whole[number], each[:, number].T, strict=True)]
    return told


SIMULATIONS = (
    trend,
    continuity,
    losses,
    few_classes,
    means,
    ranks,
    differences,
    images,
    seeds,
    spreads,
    changes,
    values_of_seeds,
)

if __name__ == "__main__":
    print(pd.DataFrame(compare(sys.argv[1:])).to_string(index=False))
