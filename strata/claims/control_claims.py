"""What controls have to show: the claims that are tested on their V-information."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from strata.claims.claim import Claim, Frames, Statistic, Tables, control_vinfo, rows
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
    frames
        Takes the tables of one network and the name of a control; returns what the statistic is computed from.
    computed
        The statistic.
    side, bound
        Where it has to lie (see `strata.claims.claim.Claim`).
    controls
        Ids of the controls that this rests on.
    """

    statistic: str
    frames: Callable[[Tables, str], Frames]
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
        frames=lambda tables, settings: shown.frames(tables, control.name),
        columns=(),
        computed=shown.computed,
        side=shown.side,
        bound=shown.bound,
        controls=shown.controls,
    )


def _largest_mean(tables: Tables, control: str) -> Frames:
    return (_with_class(control_vinfo(tables, control), tables),)


def _both_complexities(tables: Tables, control: str) -> Frames:
    layers = control_vinfo(tables, control).drop(columns=PENULTIMATE, errors="ignore")
    other = pd.DataFrame({"complexity": complexity(layers.to_numpy().T)}, index=layers.index)
    return rows(tables, "features", "complexity")[["complexity", "class"]], _with_class(other, tables)


def _pairs(tables: Tables, control: str) -> Frames:
    other = control_vinfo(tables, control)
    deepest = other.columns[-1]
    own = rows(tables, "features", f"vinfo_{deepest}").set_index("feature")[f"vinfo_{deepest}"]
    both = pd.concat([own.rename("trained"), other[deepest].rename("control")], axis=1, join="inner")
    return (_with_class(both, tables),)


def _with_class(by_feature: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """Give rows of features the class that these were discovered in, which is left out with others of it."""
    return by_feature.join(tables["features"].set_index("feature")["class"])


SHOWN = {
    "nothing is decodable": Shown(
        statistic="mean V-information, in the layer where it is largest",
        frames=_largest_mean,
        computed=Statistic(lambda v: float(v.mean(0).max()), lambda v: float(v.mean(0).max()), "share of variance"),
        side="below",
        bound=NOTHING,
        controls=(),
    ),
    "complexity spreads less": Shown(
        statistic="complexity, 90th − 10th percentile, features − {control}",
        frames=_both_complexities,
        computed=Statistic(
            lambda k, other: spread(k) - spread(other),
            lambda k, other: ratio(spread(k), spread(other)),
            "ratio of both",
            trust=0.5,
        ),
        side="above",
    ),
    "the last layer tells less": Shown(
        statistic="mean V-information, trained − {control}",
        frames=_pairs,
        computed=Statistic(mean_difference, paired_d, "Cohen's d of the pairs"),
        side="above",
    ),
}
