"""What all figures share: style, colours, and how means, bands and clouds of points are drawn.

Colours are those of Okabe & Ito (2008), which colour-blind readers can tell apart; complexity is always shown in
viridis, over what the run spans. Numbers are written with a true minus sign.
"""

from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator

from strata.claims.numbers import with_interval
from strata.config.keys import Questions
from strata.statistics import (
    FISHER,
    PLAIN,
    Estimate,
    Rows,
    Scale,
    groups_of,
    over_groups,
    over_networks,
    spearman,
)

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"
# What is told apart in one picture: seven colours that colour-blind readers can (Okabe & Ito 2008); grey is the rest's.
COLOURS = [BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
Drawn = tuple[Figure, pd.DataFrame]
TRUST = 0.5  # degrees of freedom a group of means, of which many in figures are of ten skewed values or so
VERDICTS = {"supported": GREEN, "not supported": ORANGE, "undecided": GREY}
# They differ by shape too, which is what is left of them in grey, and to colour-blind readers.
SHAPES: dict[str, dict[str, Any]] = {
    "supported": {"marker": "o", "ms": 5},
    "not supported": {"marker": "X", "ms": 6},
    "undecided": {"marker": "D", "ms": 4.5, "mfc": "white"},
}
WIDTHS = {"single": 3.5, "double": 7.2}
"""Of a column, of a page of two columns (inches)."""

STYLE: dict[str, Any] = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "legend.fontsize": 7,
    "svg.hashsalt": "strata",
    "svg.fonttype": "none",
    "text.parse_math": False,  # names of classes are text, whatever signs they have
    "figure.constrained_layout.use": True,
    "axes.prop_cycle": plt.cycler(color=COLOURS),
}
plt.switch_backend("agg")
plt.style.use(STYLE)


class _Plain(LogFormatter):
    """What stands at the ticks of a logarithmic axis: plain numbers, where matplotlib's own are mathematics."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Return a number, or nothing where the tick is one of many."""
        return f"{x:g}" if super().__call__(x, pos) else ""


def plain_numbers(axis: Axis) -> None:
    """Write plain numbers at the ticks of a logarithmic axis.

    Parameters
    ----------
    axis
        That is written at.
    """
    axis.set_major_formatter(_Plain())
    axis.set_minor_formatter(_Plain())


def panels(count: int, *, height: float, **how: Any) -> tuple[Figure, list[Axes]]:
    """Return a figure of as many panels, beside each other on a page's width, above each other in a column's.

    Parameters
    ----------
    count
        How many; a single one is no wider than 4.4 inches.
    height
        Of a row of them (inches).
    **how
        See `matplotlib.pyplot.subplots`.
    """
    width = plt.rcParams["figure.figsize"][0]
    rows, columns = (count, 1) if width < WIDTHS["double"] else (1, count)
    size = (width if count > 1 else min(width, 4.4), rows * height)
    figure, axes = plt.subplots(rows, columns, squeeze=False, figsize=size, **how)
    return figure, list(axes.ravel())


def complexity_scale(features: pd.DataFrame) -> Normalize:
    """Return the scale of complexity in all figures of a run: what its features span, in steps of 0.05.

    Parameters
    ----------
    features
        One row a feature and seed: complexity.
    """
    known = features["complexity"].dropna()
    low, high = (np.floor(known.min() * 20) / 20, np.ceil(known.max() * 20) / 20) if len(known) else (0, 1)
    return Normalize(float(low), float(max(high, low + 0.05)), clip=True)


def colour_of(complexity: Any, scale: Normalize) -> Any:
    """Return the colour of a complexity, or an array of them.

    Parameters
    ----------
    complexity
        One value or more.
    scale
        See `complexity_scale`.
    """
    return plt.get_cmap("viridis")(scale(complexity))


def scatter(
    ax: Axes,
    table: pd.DataFrame,
    *,
    x: str,
    y: str,
    settings: Questions,
    colour: Normalize | str,
    jitter: float = 0,
    log: bool = False,
) -> None:
    """Draw points with a linear fit, and Spearman's ρ with its interval as the title.

    Where y is a whole number, `jitter` moves points that far up or down at most, so that they are all seen. On a
    logarithmic axis, what is 0 lies at half of the smallest other value, and the fit is of logarithms.

    Parameters
    ----------
    ax
        That is drawn on.
    table
        One row a point: the columns x and y, and complexity, if that colours it.
    x, y
        Names of the columns.
    settings
        The section `questions` of the configuration.
    colour
        The scale of complexity, by which points are coloured; or one colour, where several are drawn on the same axes.
    jitter
        In units of y; 0 for none.
    log
        Whether y is drawn on a logarithmic axis.
    """
    pairs = table[[x, y]].to_numpy(float)
    xs, ys = pairs.T
    if log and (ys > 0).any():
        ys = np.maximum(ys, ys[ys > 0].min() / 2)
        ax.set_yscale("log")
        plain_numbers(ax.yaxis)
    one = isinstance(colour, str)
    ax.scatter(
        xs,
        ys + jitter * np.random.default_rng(0).uniform(-1, 1, len(ys)),
        **({"c": colour} if one else {"c": table["complexity"], "cmap": "viridis", "norm": colour}),
        s=14,
        lw=0.3,
        edgecolors="white",
        rasterized=len(pairs) > 2000,
    )
    if len(pairs) > 2 and np.ptp(xs) > 0:
        ends = np.array([xs.min(), xs.max()])
        logarithmic = ax.get_yscale() == "log"
        fitted = np.polyval(np.polyfit(xs, np.log(ys) if logarithmic else ys, 1), ends)
        ax.plot(ends, np.exp(fitted) if logarithmic else fitted, color=colour if one else "black", lw=1)
    e = correlated(table, x=x, y=y, settings=settings)
    ax.set_title(
        f"ρ = {with_interval(e.value, (e.low, e.high))}, n = {len(pairs)}",
        loc="right",
        fontsize=7.5,
    )


def first_seed(features: pd.DataFrame) -> pd.DataFrame:
    """Return the features whose pictures are shown.

    Parameters
    ----------
    features
        One row a feature and seed.
    """
    return features[features["seed"] == features["seed"].iloc[0]]


def draw_map(ax: Axes, features: pd.DataFrame, *, column: str, label: str, colours: str, norm: Normalize) -> None:
    """Draw features where UMAP placed them, coloured by a column; rings are features where it is missing.

    Parameters
    ----------
    ax
        That is drawn on.
    features
        With their coordinates in the map, umap_x and umap_y.
    column
        Name of the column that colours them.
    label
        Of the colour bar.
    colours
        Name of matplotlib's map of colours.
    norm
        The scale of the colours.
    """
    known = features[features[column].notna()]
    missing = features[features[column].isna()]
    points = ax.scatter(
        known["umap_x"],
        known["umap_y"],
        c=known[column],
        cmap=colours,
        s=18 if len(features) < 1000 else 4,
        lw=0.3,
        edgecolors="white" if len(features) < 1000 else "none",
        rasterized=len(features) > 2000,
        norm=norm,
    )
    ax.scatter(missing["umap_x"], missing["umap_y"], s=14, facecolors="none", edgecolors=GREY, lw=0.6)
    ax.set(xlabel="UMAP 1", ylabel="UMAP 2", xticks=[], yticks=[])
    bar_below(ax, points, label=label)


def above_r(ax: Axes, title: str) -> None:
    """Title some axes of a scatter, one line above its correlation.

    Parameters
    ----------
    ax
        That `scatter` has drawn on.
    title
        One line.
    """
    ax.set_title(f"{title}\n", loc="left")


def band(ax: Axes, x: Any, *, table: pd.DataFrame, column: str, colour: Any, label: str | None = None) -> None:
    """Draw a column of means as a line, with the interval around it as a band.

    Parameters
    ----------
    ax
        That is drawn on.
    x
        Where the rows of the table stand, one value each.
    table
        With the column of means, ci_low and ci_high.
    column
        Name of the column of means.
    colour
        Of line and band.
    label
        In the legend; None for none.
    """
    ax.plot(x, table[column], "o-", ms=3, color=colour, label=label)
    ax.fill_between(x, table["ci_low"], table["ci_high"], color=colour, alpha=0.2, lw=0)


def mean(table: pd.DataFrame, column: str, *, settings: Questions) -> dict[str, float]:
    """Return the number of values, their mean under their own name, and its interval: a part of a table's row.

    Parameters
    ----------
    table
        One row a value, with seed and class where it has them (see `estimated`).
    column
        Name of the column.
    settings
        The section `questions` of the configuration.
    """
    known = table.dropna(subset=[column])
    e = estimated(known, [column], statistic=np.mean, settings=settings, trust=TRUST)
    value = e.value if np.isfinite(e.value) else known[column].mean()  # of one value alone, without an interval
    return {"n": len(known), column: value, "ci_low": e.low, "ci_high": e.high}


def correlated(table: pd.DataFrame, *, x: str, y: str, settings: Questions) -> Estimate:
    """Return Spearman's correlation of two columns with its interval (see `estimated`).

    Parameters
    ----------
    table
        One row a pair.
    x, y
        Names of the columns.
    settings
        The section `questions` of the configuration.
    """
    return estimated(table, [x, y], statistic=spearman, settings=settings, scale=FISHER)


def estimated(
    table: pd.DataFrame,
    columns: list[str],
    *,
    statistic: Callable[[np.ndarray], float],
    settings: Questions,
    scale: Scale = PLAIN,
    trust: float = 1.0,
) -> Estimate:
    """Estimate a statistic as claims do: of one network over its classes, of several over networks.

    Parameters
    ----------
    table
        Its rows are those of several networks where it has the column seed; they are left out class by class where it
        has the column class, else one by one.
    columns
        Those that the statistic is computed from.
    statistic
        Takes their values, rows × columns.
    settings
        The section `questions` of the configuration.
    scale, trust
        See `strata.statistics.over_groups`.
    """
    each = []
    for _, rows in table.groupby(table["seed"] if "seed" in table else np.zeros(len(table))):
        parts = [Rows(rows[columns].to_numpy(float), groups_of(rows.get("class", rows.index)))]
        e = over_groups(statistic, parts, null=0.0, confidence=settings.confidence, scale=scale, trust=trust)
        each.append(e)
    return over_networks(each, null=0.0, confidence=settings.confidence, scale=scale)


def by_decile(
    features: pd.DataFrame, long: pd.DataFrame, *, keys: list[str], column: str, settings: Questions
) -> pd.DataFrame:
    """Return the mean of a column of a long table (seed, feature, …) by decile of complexity and by some keys.

    Parameters
    ----------
    features
        One row a feature and seed.
    long
        The long table.
    keys
        Columns of it, whose values are told apart.
    column
        Name of the column that the mean is of.
    settings
        The section `questions` of the configuration.

    Returns
    -------
    DataFrame
        decile (0: simplest), complexity (its mean), the keys, n, the column, ci_low, ci_high.
    """
    known = features.dropna(subset=["complexity"])[["seed", "feature", "class", "complexity"]]
    deciles = np.floor(known["complexity"].rank(method="first", pct=True).sub(1e-9) * 10).astype(int)
    joined = long.merge(known.assign(decile=deciles), on=["seed", "feature"])
    rows = []
    for values, own in joined.groupby(["decile", *keys]):
        named = dict(zip(["decile", *keys], values, strict=True))
        rows.append({**named, "complexity": own["complexity"].mean(), **mean(own, column, settings=settings)})
    return pd.DataFrame(rows)


def bar_below(ax: Axes, drawn: ScalarMappable, *, label: str) -> None:
    """Draw a scale of colours below some axes, where it is not taken for what the panel beside them counts.

    Parameters
    ----------
    ax
        The axes.
    drawn
        What has the colours.
    label
        What they tell.
    """
    ax.figure.colorbar(
        drawn, ax=ax, label=label, location="bottom", shrink=0.8, aspect=30, pad=0.03, ticks=MaxNLocator(5)
    )


def complexity_bar(ax: Axes, scale: Normalize) -> None:
    """Draw the scale of complexity beside some axes, the last of their row.

    Parameters
    ----------
    ax
        The axes.
    scale
        See `complexity_scale`.
    """
    label = f"complexity K (this run: {scale.vmin:.2f} to {scale.vmax:.2f})"
    ax.figure.colorbar(ScalarMappable(scale, "viridis"), ax=ax, label=label)
