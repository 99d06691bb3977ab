"""What a claim is: which numbers it looks at, what it computes from them, and where that has to lie."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from strata.config.keys import Questions
from strata.statistics import Estimate, Null

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
    unit
        What `n` of its finding counts.
    """

    id: str
    question: str
    claim: str
    statistic: str
    figure: str
    parts: Callable[[Tables, Questions], Parts]
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


def rows(tables: Tables, name: str, *columns: str) -> pd.DataFrame:
    """Return the rows of a table that have all of some columns.

    Parameters
    ----------
    tables
        Of one seed, by their names.
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


def array(table: pd.DataFrame, *columns: str) -> np.ndarray:
    """Return some columns of a table, rows × columns.

    Parameters
    ----------
    table
        One that has them.
    *columns
        Their names, in the order of the array.
    """
    return table[list(columns)].to_numpy(float)


def control_vinfo(tables: Tables, control: str) -> pd.DataFrame:
    """Return the V-information of a control, features × layers; features without any are left out.

    Parameters
    ----------
    tables
        Of one seed, by their names.
    control
        Name of one of `strata.claims.controls`.
    """
    found = rows(tables, "control_vinfo")
    found = found[found["control"] == control]
    if found.empty:
        raise Absent(f"no control {control} in table control_vinfo")
    layers = found["layer"].unique()
    return found.pivot(index="feature", columns="layer", values="vinfo")[layers].dropna()
