"""The predictive families V of V-information (Xu et al. 2020): what a probe may be.

A record names functions instead of holding them, because Snakemake reads this catalogue whenever it plans.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from strata.probes.memory import check_memory

if TYPE_CHECKING:
    from torch import Tensor

    from strata.config.keys import Probes


@dataclass(frozen=True)
class Family:
    """A predictive family.

    Attributes
    ----------
    name : str
        As `probes.family` has it.
    about : str
        What it is, for who writes a configuration.
    probe : str
        What one of its probes is called.
    settings : tuple of str
        The keys of the section `probes` that are its own.
    module : str
        Where it is: functions `measure` (see there in `strata.probes.ridge`), `seconds`, `memory` and `least_memory`
        (what that takes).
    enriched : str
        Where the same functions are of enriched samples (see `strata.probes.enriched`); empty where there are none.
    """

    name: str
    about: str = field(repr=False)
    probe: str = field(repr=False)
    settings: tuple[str, ...]
    module: str
    enriched: str = ""

    def of(self, sample: str) -> "Family":
        """Return the family as it measures a sample, stratified or enriched."""
        return replace(self, module=self.enriched) if sample == "enriched" else self

    def measure(
        self, activations: Sequence[str | Path], codes: Sequence[str | Path], *, layer: str, **settings: Any
    ) -> dict[str, "Tensor"]:
        """Measure all features in a layer: `vinfo`, `cka` (K), `sse`, `sst` (folds × K), and what else it tells.

        Parameters
        ----------
        activations, codes
            Shards, in the same order.
        layer
            That the activations are of.
        **settings
            folds, seed, memory_mb, studied, and the family's own; of an enriched sample, origin, images, class_share.
        """
        return self._function("measure")(activations, codes, layer=layer, **settings)

    def seconds(self, units: int | float, count: int, **about: Any) -> float:
        """Return the seconds that it takes to measure `count` features in a layer (see `strata.estimate`).

        Parameters
        ----------
        units, count
            Of the layer, and all that are probed.
        **about
            images, folds, width, rates (see `strata.probes.ridge.seconds`), and the family's own settings; of an
            enriched sample, classes.
        """
        return self._function("seconds")(units, count, **about)

    def memory(self, units: int, count: int, **about: Any) -> float:
        """Return the bytes that it takes to measure a layer.

        Parameters
        ----------
        units, count
            Of the layer, and all that are probed.
        **about
            images, folds, memory_mb (see `strata.probes.ridge.memory`).
        """
        return self._function("memory")(units, count, **about)

    def check_memory(self, units: int, count: int, *, images: int, folds: int, memory_mb: int | float) -> None:
        """Refuse a memory in which no layer of so many units can be measured.

        Parameters
        ----------
        units, count
            Of the widest layer, and all features that are probed.
        images, folds
            Of the cross-fitting.
        memory_mb
            The memory.

        Raises
        ------
        StrataError
            If it is too little; says what is enough.
        """
        check_memory(
            self._function("least_memory")(units, count, images=images, folds=folds),
            memory_mb=memory_mb,
            layer=f"{units} units, {count:,} features, {images:,} images",
        )

    def own(self, probes: "Probes") -> dict[str, Any]:
        """Return the family's own settings, of the section `probes`."""
        return {key: getattr(probes, key) for key in self.settings}

    def _function(self, name: str) -> Any:
        return resolve_name(f"{self.module}:{name}")


FAMILIES = {
    family.name: family
    for family in (
        Family(
            name="linear",
            about="ridge probes",
            probe="ridge probe",
            settings=("penalties",),
            module="strata.probes.ridge",
            enriched="strata.probes.enriched",
        ),
        Family(
            name="mlp",
            about="perceptrons with one hidden layer beside a linear path, a check on the first",
            probe="perceptron",
            settings=("mlp",),
            module="strata.probes.perceptron",
        ),
    )
}
REFERENCE = "linear"  # the paper's own: what other families are compared with, and what flow is measured by
