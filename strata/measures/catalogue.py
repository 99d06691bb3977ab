"""The passes that measure something of every feature: every measurement that needs data of its own, and a job a seed.

A record names functions instead of holding them, because Snakemake reads this catalogue whenever it plans.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from strata.config.keys import at

if TYPE_CHECKING:
    import pandas as pd

    from strata.config.keys import Config
    from strata.scale import Scale

Tables = dict[str, "pd.DataFrame"]


@dataclass(frozen=True)
class Measure:
    """A pass over the data that measures something of every feature.

    Attributes
    ----------
    name : str
        Of the rule and of the module.
    about : str
        What it does, as a job says it.
    function : str
        Function (one keyword argument for each of `inputs` and of `settings`) → tables by their names.
    inputs : tuple of str
        The files that it reads: `dictionary`, `checkpoint`, `codes`, `activations` (of the penultimate
        layer; one a shard, as codes), `probed` (the same of every probed layer, one after the other), `images` (one a
        shard), `half_dictionaries` (of the last checkpoint's features, discovered again in either half of the
        images), `half_codes` (one a half and shard).
    costing : str
        Function (scale, and one keyword argument for each of `settings`) → seconds and bytes of memory, for one seed.
    settings : mapping
        Argument to the key of the configuration that it is given.
    tables : tuple of str
        Names of the tables that it returns (see also `written`).
    every_checkpoint : bool
        Whether it is made once for every checkpoint and its own features, or for the last one alone.
    scalars : str
        Function (the first of its tables) → columns of features.csv, one row a feature; empty where it adds none.
    gathered : bool
        Whether the first of its tables is one that claims and figures read.
    of_nulls : bool
        Whether it is made of nulls too, because a claim looks at it.
    """

    name: str
    about: str = field(repr=False)
    function: str
    inputs: tuple[str, ...]
    costing: str
    settings: Mapping[str, str] = field(default_factory=dict)
    tables: tuple[str, ...] = ()
    every_checkpoint: bool = False
    scalars: str = ""
    gathered: bool = False
    of_nulls: bool = False

    @property
    def told(self) -> str:
        """The name of the table of what it adds to features.csv; empty where it adds nothing."""
        return f"{self.name}_scalars" if self.scalars else ""

    @property
    def written(self) -> tuple[str, ...]:
        """Names of all that it writes, as `seed-<s>/measured/<population>/<name>.csv`."""
        return (*self.tables, *filter(None, [self.told]))

    def given(self, config: "Config") -> dict[str, Any]:
        """Return its settings, of a configuration."""
        return {name: at(config, path) for name, path in self.settings.items()}

    def cost(self, scale: "Scale", settings: Mapping[str, Any]) -> tuple[float, float]:
        """Return the seconds that it takes for one seed, and the bytes of memory.

        Parameters
        ----------
        scale
            How large the run is.
        settings
            Argument to value, for each of its settings (see `given`).
        """
        return resolve_name(self.costing)(scale, **settings)

    def measured(self, files: Mapping[str, Any], settings: Mapping[str, Any]) -> Tables:
        """Measure, and return all that is written, by its names.

        Parameters
        ----------
        files
            By the names of its inputs.
        settings
            Argument to value, for each of its settings (see `given`).
        """
        found = resolve_name(self.function)(**files, **settings)
        return found | ({self.told: resolve_name(self.scalars)(found[self.tables[0]])} if self.told else {})


def tables_of_measurements(*, families: bool) -> list[str]:
    """Return the names of the tables that are made of a seed's measurements, beside `features`.

    Parameters
    ----------
    families
        Whether the run has a predictive family beside the reference.
    """
    own = ["by_checkpoint", "by_fold", "decoding", "importance_targets", "branch_cka", "control_vinfo", "code_quality"]
    handed_on = [measure.tables[0] for measure in MEASURES.values() if measure.gathered]
    return own + handed_on + (["by_family"] if families else [])


_PROBES = {name: f"probes.{name}" for name in ("folds", "penalties", "seed", "memory_mb")}

MEASURES = {
    measure.name: measure
    for measure in (
        Measure(
            name="importance",
            about="Measuring importance",
            function="strata.measures.importance:importance_of_checkpoint",
            costing="strata.measures.importance:cost",
            inputs=("dictionary", "codes", "images"),
            settings={"studied": "questions.images"},
            tables=("importance",),
            every_checkpoint=True,
            of_nulls=True,
        ),
        Measure(
            name="feature_map",
            about="Mapping and grouping features",
            function="strata.measures.feature_map:mapped",
            costing="strata.measures.feature_map:cost",
            inputs=("dictionary",),
            settings={"meta_features": "questions.meta_features", "seed": "questions.seed"},
            tables=("feature_map", "tree"),
            scalars="strata.measures.feature_map:scalars",
        ),
        Measure(
            name="redundancy",
            about="Probing random subsets of units",
            function="strata.measures.redundancy:redundancy_of_features",
            costing="strata.measures.redundancy:cost",
            inputs=("activations", "codes"),
            settings={
                **_PROBES,
                "share": "questions.redundancy.share",
                "subsets": "questions.redundancy.subsets",
                "subset_seed": "questions.seed",
                "studied": "questions.images",
            },
            tables=("redundancy",),
            scalars="strata.measures.redundancy:scalars",
            of_nulls=True,
        ),
        Measure(
            name="extrapolation",
            about="Probing with fewer images",
            function="strata.measures.extrapolation:extrapolation_of_features",
            costing="strata.measures.extrapolation:cost",
            inputs=("probed", "codes"),
            settings={**_PROBES, "studied": "questions.images", "layers": "activations.layers"},
            tables=("extrapolation",),
            scalars="strata.measures.extrapolation:scalars",
            gathered=True,
        ),
        Measure(
            name="robustness",
            about="Encoding images under noise",
            function="strata.measures.robustness:robustness_of_checkpoint",
            costing="strata.measures.robustness:cost",
            inputs=("images", "dictionary", "checkpoint"),
            settings={
                "model": "model",
                "levels": "questions.noise",
                "count": "questions.noise_images",
                "seed": "questions.seed",
                "method": "features.method",
                **{name: f"codes.{name}" for name in ("tolerance", "max_iterations")},
                **{name: f"activations.{name}" for name in ("pool", "tokens", "batch_size")},
            },
            tables=("robustness",),
            scalars="strata.measures.robustness:scalars",
            gathered=True,
            of_nulls=True,
        ),
        Measure(
            name="stability",
            about="Matching features with those of half of the images",
            function="strata.measures.stability:stability_of_features",
            costing="strata.measures.stability:cost",
            inputs=("dictionary", "codes", "half_dictionaries", "half_codes"),
            tables=("stability",),
            scalars="strata.measures.stability:scalars",
        ),
    )
}
