"""What a claim is: which numbers it looks at, what it computes from them, and where that has to lie."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from strata.claims.finding import bounds_of
from strata.config.keys import Questions
from strata.statistics import FISHER, PLAIN, Estimate, Null, Rows, Scale, groups_of, pearson, spearman

Tables = dict[str, pd.DataFrame]
Frames = tuple[pd.DataFrame, ...]

# What a correlation with complexity may owe to something else than complexity: columns of features.
CONFOUNDS = {
    "ceiling": ("ceiling",),
    "firing rate and mean code": ("firing_rate", "mean_code"),
    "all of these": ("ceiling", "firing_rate", "mean_code"),
}
# The same with V-information divided by the ceiling.
RELATIVE = {"complexity": "relative_complexity", "temporal_decoding_score": "relative_decoding_score"}


class Absent(Exception):
    """A run has not measured what a claim looks at."""


@dataclass(frozen=True)
class Statistic:
    """What is computed from the parts of a claim, arrays of rows × columns.

    Attributes
    ----------
    of
        The number that the claim is about.
    effect, effect_name
        Its effect size, and what that is called.
    n
        What is counted; all rows, unless said otherwise.
    scale
        On which the number is nearly normal.
    trust
        Degrees of freedom a group (see `strata.statistics.over_groups`).
    biased
        Whether its bias counts in the error over networks (see `strata.statistics.over_networks`).
    """

    of: Callable[..., float]
    effect: Callable[..., float]
    effect_name: str
    n: Callable[..., int] = lambda *parts: sum(map(len, parts))
    scale: Scale = PLAIN
    trust: float = 1.0
    biased: bool = False


CORRELATION = Statistic(spearman, pearson, "Pearson r", scale=FISHER)


@dataclass(frozen=True)
class Said:
    """How a person would say what came of a claim: clauses that stand alone, or after "whether".

    Attributes
    ----------
    yes, no
        Where the claim is supported, and where it is not.
    opposite
        Where the number lies as far on the other side; empty where there is no other side.
    number
        What the number says, in a clause with {} in its place.
    """

    yes: str
    no: str
    opposite: str = ""
    number: str = "ρ = {}"


@dataclass(frozen=True)
class Claim:
    """A claim, and how it is tested.

    Attributes
    ----------
    id
        By which findings and other claims name it.
    question
        That it is about: a key of `strata.claims.finding.QUESTIONS`.
    claim
        What is claimed, in words.
    statistic
        What the number is called that it is judged by.
    figure
        Name of the figure that shows it.
    frames
        Takes the tables of one network and the section `questions`; returns the tables that are looked at. Raises
        Absent if the run has not measured them.
    columns
        Those of them that the statistic is computed from, all where none is named; of a correlation, the two that are
        correlated.
    computed
        What is computed from these.
    side, bound
        Where the statistic has to lie: above or below the bound, or within ±bound.
    controls
        Ids of the controls that it rests on.
    by
        The column whose values are left out one by one: classes, or groups of images.
    of_images
        Whether the statistic is one of images, so that its interval over images is told too.
    of_learning
        Whether it speaks of learning the task, of which a network that has not learned it tells nothing.
    unit
        What `n` of its finding counts.
    beside
        Names of other columns of the frames that are told as the statistic is, with what they are called.
    note
        Takes the tables of one network and the section `questions`; says what a reader has to know besides, or "".
    said
        The claim in sentences (see `strata.claims.answers`); None where its own words do.
    paper
        What the paper found, of a ResNet-50 trained on ImageNet; empty where it looked at nothing of the kind.
    """

    id: str
    question: str
    claim: str
    statistic: str
    figure: str
    frames: Callable[[Tables, Questions], Frames]
    columns: tuple[str, ...]
    computed: Statistic
    side: Literal["above", "below", "within"]
    bound: float = 0.0
    controls: tuple[str, ...] = ("control.shuffled",)
    by: str = "class"
    of_images: bool = False
    of_learning: bool = False
    unit: str = "features"
    beside: tuple[tuple[str, tuple[str, ...]], ...] = ()
    note: Callable[[Tables, Questions], str] = lambda tables, settings: ""
    said: Said | None = None
    paper: str = ""

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which the statistic lies where the claim holds."""
        return bounds_of(self.side, self.bound)

    @property
    def null(self) -> Null:
        """What the p-value tests against."""
        return (-self.bound, self.bound) if self.side == "within" else self.bound

    def parts(
        self,
        frames: Frames,
        *,
        columns: Sequence[str] = (),
        given: Sequence[str] = (),
        among: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame,
    ) -> tuple[Rows, ...]:
        """Return what the statistic is computed from, of one network.

        Parameters
        ----------
        frames
            Of that network (see the attribute of this name).
        columns
            Others in place of the claim's own.
        given
            Columns that are held fixed (of correlations).
        among
            Chooses rows of a frame.

        Raises
        ------
        Absent
            If the run has not measured them.
        """
        parts = []
        for frame in frames:
            wanted = [*(columns or self.columns or frame.columns.drop(self.by)), *given]
            lacking = [column for column in wanted if column not in frame]
            if lacking:
                raise Absent(f"no column {lacking[0]}")
            known = among(frame).dropna(subset=wanted)
            parts.append(Rows(known[wanted].to_numpy(float), groups_of(known[self.by])))
        return tuple(parts)

    def lies(self, e: Estimate, *, confidence: float, p_value: float | None = None) -> str:
        """Judge by where the interval lies, and by the p-value: supported, not supported, undecided.

        Parameters
        ----------
        e
            The estimate.
        confidence
            Coverage of its interval: 1 − the largest p-value that decides.
        p_value
            The adjusted one; that of the estimate where there is none.
        """
        low, high = self.bounds
        decided = (e.p_value if p_value is None else p_value) < 1 - confidence
        if low < e.low and e.high < high:
            return "supported" if decided else "undecided"
        against = e.high < low or high < e.low
        return "not supported" if against and (decided or self.side == "within") else "undecided"


def rows(tables: Tables, name: str, *columns: str) -> pd.DataFrame:
    """Return the rows of a table that have all of some columns.

    Parameters
    ----------
    tables
        Of one network, by their names.
    name
        Of the table.
    *columns
        Those of which no row may lack a value.
    """
    if name not in tables:
        raise Absent(f"no table {name}")
    for column in columns:
        if column not in tables[name]:
            raise Absent(f"no column {column} in table {name}")
    found = tables[name].dropna(subset=list(columns))
    if found.empty:
        raise Absent(f"no row of table {name} with {', '.join(columns) or 'anything'}")
    return found


def control_vinfo(tables: Tables, control: str) -> pd.DataFrame:
    """Return the V-information of a control, features × layers; features without any are left out.

    Parameters
    ----------
    tables
        Of one network, by their names.
    control
        Name of one of `strata.claims.controls`.
    """
    found = rows(tables, "control_vinfo")
    found = found[found["control"] == control]
    if found.empty:
        raise Absent(f"no control {control} in table control_vinfo")
    layers = found["layer"].unique()
    return found.pivot(index="feature", columns="layer", values="vinfo")[layers].dropna()
