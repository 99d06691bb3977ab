"""What controls have to show: the claims that are tested on their V-information."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from strata.claims.claim import Claim, Parts, Statistic, Tables, array, control_vinfo, rows
from strata.claims.controls import Control
from strata.layers import PENULTIMATE
from strata.measures.complexity import complexity
from strata.statistics import mean_difference, paired_d, ratio, spread

NOTHING = 0.01  # a mean V-information below this counts as none


@dataclass(frozen=True)
class Shown:
    """What a control may have to show.

    Attributes
    ----------
    statistic
        What it is called; {control} stands for what the control is.
    parts
        Takes the tables of one seed and the name of a control; returns what the statistic is computed from.
    computed
        The statistic.
    side, bound
        Where it has to lie (see `strata.claims.claim.Claim`).
    controls
        Ids of the controls that this rests on.
    """

    statistic: str
    parts: Callable[[Tables, str], Parts]
    computed: Statistic
    side: Literal["above", "below", "within"]
    bound: float = 0.0
    controls: tuple[str, ...] = ("control.shuffled",)


def claim_of(control: Control) -> Claim:
    """Return the claim that says what a control has to show."""
    shown = SHOWN[control.shows]
    return Claim(
        id=control.id,
        question="control",
        claim=control.claim,
        statistic=shown.statistic.format(control=control.about),
        figure="controls",
        parts=lambda tables, settings: shown.parts(tables, control.name),
        computed=shown.computed,
        side=shown.side,
        bound=shown.bound,
        controls=shown.controls,
    )


def _largest_mean(tables: Tables, control: str) -> Parts:
    return (control_vinfo(tables, control).to_numpy(),)


def _excess_width(tables: Tables, control: str) -> Parts:
    layers = control_vinfo(tables, control).drop(columns=PENULTIMATE, errors="ignore")
    other = complexity(layers.to_numpy().T)[:, None]
    return array(rows(tables, "features", "complexity"), "complexity"), other


def _paired_change(tables: Tables, control: str) -> Parts:
    other = control_vinfo(tables, control)
    deepest = other.columns[-1]
    own = rows(tables, "features", f"vinfo_{deepest}").set_index("feature")[f"vinfo_{deepest}"]
    return (pd.concat([own, other[deepest]], axis=1, join="inner").to_numpy(),)


SHOWN = {
    "nothing is decodable": Shown(
        statistic="mean V-information, in the layer where it is largest",
        parts=_largest_mean,
        computed=Statistic(lambda v: v.mean(-2).max(-1), lambda v: v.mean(-2).max(-1), "share of variance"),
        side="below",
        bound=NOTHING,
        controls=(),
    ),
    "complexity spreads less": Shown(
        statistic="complexity, 90th − 10th percentile, features − {control}",
        parts=_excess_width,
        computed=Statistic(
            lambda k, other: spread(k) - spread(other),
            lambda k, other: ratio(spread(k), spread(other)),
            "ratio of both",
        ),
        side="above",
    ),
    "the last layer tells less": Shown(
        statistic="mean V-information, trained − {control}",
        parts=_paired_change,
        computed=Statistic(mean_difference, paired_d, "Cohen's d of the pairs"),
        side="above",
    ),
}
