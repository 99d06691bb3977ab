"""The controls: codes of something that a claim about discovered features must not be as true of.

A record names functions instead of holding them, because Snakemake reads this catalogue whenever it plans. What a
control has to show is tested as a claim (`strata.claims.control_claims`).
"""

from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Control:
    """A control: codes from something else, decoded from the layers of a checkpoint.

    Attributes
    ----------
    name : str
        As tables and, where it has codes of its own, paths have it.
    about : str
        What it is.
    id : str
        Of the claim that says what it has to show.
    claim : str
        That claim.
    shows : str
        How it is tested: a name of `strata.claims.control_claims.SHOWN`.
    directions : str
        Function (dictionary, random generator) → other directions in place of the last checkpoint's features;
        empty where it has none.
    codes : str
        Function (codes, random generator) → other codes in place of those of the last checkpoint's features, images ×
        features; empty where it has none.
    untrained : bool
        Whether it is decoded from the untrained network, in place of the last checkpoint.
    """

    name: str
    about: str = field(repr=False)
    id: str = field(repr=False)
    claim: str = field(repr=False)
    shows: str = field(repr=False)
    directions: str = ""
    codes: str = ""
    untrained: bool = False

    def other_directions(self, dictionary: "np.ndarray", rng: "np.random.Generator") -> "np.ndarray":
        """Return other directions in place of a dictionary's (features × units).

        Parameters
        ----------
        dictionary
            D, features × units.
        rng
            What is drawn from.
        """
        return resolve_name(self.directions)(dictionary, rng)

    def other_codes(self, codes: "np.ndarray", rng: "np.random.Generator") -> "np.ndarray":
        """Return other codes in place of some (images × features).

        Parameters
        ----------
        codes
            Z, images × features.
        rng
            What is drawn from.
        """
        return resolve_name(self.codes)(codes, rng)


CONTROLS = {
    control.name: control
    for control in (
        Control(
            name="shuffled",
            about="shuffled codes",
            id="control.shuffled",
            claim="codes shuffled over images are not decodable: V-information is below 0.01 in every layer",
            shows="nothing is decodable",
            codes="strata.claims.shuffled_codes:shuffled",
        ),
        Control(
            name="random",
            about="random directions",
            id="control.random_directions",
            claim="the spectrum is one of discovered features: random directions spread less in complexity",
            shows="complexity spreads less",
            directions="strata.claims.random_directions:random_directions",
        ),
        Control(
            name="untrained",
            about="untrained network",
            id="control.untrained",
            claim="training makes the features decodable: the last layer tells more of them than the "
            "untrained network's",
            shows="the last layer tells less",
            untrained=True,
        ),
    )
}
