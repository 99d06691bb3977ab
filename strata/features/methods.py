"""The methods by which a dictionary is discovered, and images are encoded with it.

A record names functions instead of holding them, because Snakemake reads this catalogue whenever it plans.
"""

from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor

    from strata.features.codes import Codes


@dataclass(frozen=True)
class Dictionary:
    """A method.

    Attributes
    ----------
    name : str
        As `features.method` has it.
    about : str
        What it is, for who writes a configuration.
    fitting : str
        Function (a batch of activations, batch × images × units, zero rows padding smaller ones; rank; seed, tolerance,
        max_iterations) → directions (batch × rank × units).
    encoding : str
        Function (activations, dictionary; tolerance, max_iterations, start) → codes (see
        `strata.features.codes.encode`).
    rows_from : str
        `class` where every class is fitted by itself, and gives `features.per_class` rows; `all` where all images are
        fitted together, and rows come from no class.
    rectified : bool
        Whether activations, and so directions, must not be negative.
    """

    name: str
    about: str = field(repr=False)
    fitting: str
    encoding: str
    rows_from: Literal["class", "all"] = "class"
    rectified: bool = True

    def fit(self, activations: "Tensor", rank: int, *, seed: int, tolerance: float, max_iterations: int) -> "Tensor":
        """Return directions, batch × rank × units, of a batch of activations (see `fitting`).

        Parameters
        ----------
        activations
            Batch × images × units; zero rows pad smaller matrices.
        rank
            Rows of D.
        seed, tolerance, max_iterations
            Of the factorisation (see `strata.features.factorisation.factorise`).
        """
        how = {"seed": seed, "tolerance": tolerance, "max_iterations": max_iterations}
        return resolve_name(self.fitting)(activations, rank, **how)

    def encode(self, activations: "Tensor", dictionary: "Tensor", **how: Any) -> "Codes":
        """Return the codes of some images (see `encoding`).

        Parameters
        ----------
        activations
            Images × units.
        dictionary
            D, features × units.
        **how
            tolerance, max_iterations and, where there is one, start.
        """
        return resolve_name(self.encoding)(activations, dictionary, **how)


METHODS = {
    method.name: method
    for method in (
        Dictionary(
            name="nmf",
            about="non-negative matrix factorisation, for a penultimate layer that is never negative",
            fitting="strata.features.factorisation:nmf",
            encoding="strata.features.codes:encode",
        ),
        Dictionary(
            name="semi-nmf",
            about="the same with directions of any sign, for a penultimate layer that may be negative (GELU, SiLU)",
            fitting="strata.features.factorisation:semi_nmf",
            encoding="strata.features.codes:encode",
            rectified=False,
        ),
    )
}
