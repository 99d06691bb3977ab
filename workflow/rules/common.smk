"""What all rules share: the checked configuration, names and paths."""

import os
from itertools import product
from types import SimpleNamespace

from strata import dependencies, provenance, start
from strata import layers as names
from strata.claims.controls import CONTROLS
from strata.config.check import checked, compared
from strata.errors import StrataError, one_line
from strata.features.methods import METHODS
from strata.figures.catalogue import CONDITIONS, FIGURES
from strata.images.sources import source_of
from strata.measures.catalogue import MEASURES, tables_of_measurements
from strata.networks import epochs
from strata.probes.families import FAMILIES, REFERENCE

with one_line():
    COMPARISON = compared(config)
    CONFIG = checked({key: config[key] for key in config if key not in COMPARISON.model_fields_set})
    config = CONFIG.model_dump()
    EPOCHS = epochs.epochs(CONFIG)

RUN = f"results/{CONFIG.run}"
SEED = f"{RUN}/seed-{{seed}}"
SEEDS = CONFIG.seeds
SHARDS = [f"shard-{i:03d}" for i in range(CONFIG.data.shards)]
STUDIED = SHARDS[: CONFIG.studied_shards]
CLASSES = [f"classes-{i:03d}" for i in range(CONFIG.features.jobs)]
CHECKPOINTS = [f"epoch-{epoch:03d}" for epoch in EPOCHS]
LAST = CHECKPOINTS[-1]
ENDS = [*dict.fromkeys([CHECKPOINTS[0], LAST])]  # the checkpoints whose branches are looked at
CHECKPOINT = r"epoch-\d{3}"
# Features of the last checkpoint, discovered again in either half of the images.
HALVES = ["half-0", "half-1"]
LAYERS = CONFIG.activations.layers
BRANCHES = names.branches_of(LAYERS)
SOURCE = source_of(CONFIG.data.source)
METHOD = METHODS[CONFIG.features.method]
FAMILY = CONFIG.probes.family
CHUNKS = names.chunks(names.probed_layers(LAYERS), CONFIG.probes.layers_per_job)
BRANCH_CHUNKS = names.chunks(BRANCHES, CONFIG.probes.layers_per_job)
DEEPEST = names.chunks([names.PENULTIMATE], 1)
# Networks whose labels were permuted before training, one a seed: a null of every claim.
SHUFFLED = [f"{seed}-shuffled-labels" for seed in SEEDS if CONFIG.controls.shuffled_labels]
# Those of which learned features alone are probed; by few jobs, all is done of each network that is done of any.
LEARNED_ALONE = SHUFFLED if CONFIG.jobs == "many" else []
# What images are made from; None where they are not made here, so that nothing reruns for what it does not use.
SHAPES = config["data"]["shapes"] if SOURCE.factors else None
# What this run has, of what figures may need; of the rest, findings and page say why it is left out.
HAS = {
    "checkpoints": len(EPOCHS) > 2,  # several trained ones
    "branches": bool(BRANCHES),
    "superclasses": CONFIG.data.superclasses is not None,
    "families": FAMILY != REFERENCE,
    "factors": bool(SHAPES),
}
LEFT_OUT = dict(told for condition, told in CONDITIONS.items() if told and not HAS[condition])
DRAWN = [figure for figure in FIGURES.values() if not figure.needs or HAS[figure.needs]]


wildcard_constraints:
    seed=r"\d+(-shuffled-labels)?",
    shard=r"shard-\d{3}",
    classes=r"classes-\d{3}",
    checkpoint=CHECKPOINT,
    family="|".join(FAMILIES),


def of_a_run(wildcards):
    """Nothing; where the configuration is that of a comparison, which makes no run, it says how that is asked for."""
    with one_line():
        for key in COMPARISON.model_fields_set:
            raise StrataError(
                f"config key {key} is one of a comparison: snakemake compare --configfile …; of a run it must not be "
                "given (a run's name is the key run)"
            )
    return []


def source_digest(script, *records):
    """A digest of what a script's modules do, and those of records of catalogues: Snakemake does not see them change."""
    return dependencies.digest(workflow.source_path(f"../scripts/{script}"), *records)


def keys(section, *wanted):
    """The keys of a section of the configuration that a rule uses."""
    return {key: config[section][key] for key in wanted}


def at(path):
    """What stands under a key, given by its full path."""
    found = config
    for key in path.split("."):
        found = found[key]
    return found


def each_seed(paths):
    return expand(paths, seed=SEEDS)


def combined(**values):
    """Every combination of values of wildcards, the last changing first."""
    return [dict(zip(values, chosen)) for chosen in product(*values.values())]


def of_a_job(patterns, wanted):
    """Outputs of a rule: in a run of few jobs all that is wanted, by its wildcards; else those of a job each."""
    patterns = [patterns] if isinstance(patterns, str) else patterns
    if CONFIG.jobs == "many":
        return patterns
    return [path for own in wanted for path in expand(patterns, **own, allow_missing=True)]


def made_by(wildcards, wanted):
    """What a job makes of what is wanted, by its wildcards, in the order of its outputs."""
    if CONFIG.jobs == "many":
        return [wildcards]
    return [SimpleNamespace(**own, **dict(wildcards.items())) for own in wanted]


def joined(wanted, files):
    """Inputs of a job, by name: the files (wildcards → paths) of each of what it makes, one after the other."""

    def of(paths):
        return lambda w: [path for own in made_by(w, wanted) for path in paths(own)]

    return {name: of(paths) for name, paths in files.items()}


def counted(wanted, files):
    """How many of a job's inputs, by name, belong to each of what it makes."""
    return lambda w: [
        {name: len(paths(own)) for name, paths in files.items()} for own in made_by(w, wanted)
    ]


def log_of(rule, *named, each=()):
    """Where a job writes what it says, by its wildcards; a job of a run of few jobs is of all there is of `each`."""
    own = [*named, *(each if CONFIG.jobs == "many" else [])]
    return os.path.join(f"{RUN}/logs", rule, *(f"{{{name}}}" for name in own)) + ".log"


def for_each(**told):
    """In the message of a rule, what a job is of: its wildcards, or all there is of each."""
    if CONFIG.jobs == "many":
        return ", ".join(f"{{wildcards.{name}}}" for name in told)
    return ", ".join(f"all {all_of_them}" for all_of_them in told.values())


def images(shards=SHARDS):
    return [f"{RUN}/images/{shard}.h5" for shard in shards]


def activations(checkpoint, layer):
    return [f"{SEED}/activations/{checkpoint}/{layer}/{shard}.h5" for shard in STUDIED]


def codes(features):
    return [f"{SEED}/codes/{features}/{shard}.h5" for shard in STUDIED]


def vinfo(asked, checkpoint, chunks=CHUNKS, family=FAMILY):
    """Probe results of what is asked of a checkpoint (see `probe`)."""
    return [f"{SEED}/vinfo/{asked}/{checkpoint}/{family}/{chunk}.h5" for chunk in chunks]


def in_every_checkpoint(paths, checkpoints=CHECKPOINTS):
    """Files of checkpoints, first to last: paths of one checkpoint → of all of them, one after the other."""
    return [path for checkpoint in checkpoints for path in paths(checkpoint)]


# Features that claims are tested on: those that were learned, and nulls, in which there is nothing to find. Each by
# the names that they have at a checkpoint.
DIRECTIONS = {
    control.name: lambda checkpoint, name=control.name: f"{name}-{checkpoint}"
    for control in CONTROLS.values()
    if control.directions
}
POPULATIONS = {
    "learned": lambda checkpoint: checkpoint,
    **DIRECTIONS,
    "untrained": lambda checkpoint: CHECKPOINTS[0],
}
NULLS = [population for population in POPULATIONS if population != "learned"]


def epochs_of(population):
    """The epochs at which some population is discovered."""
    return EPOCHS[:1] if population == "untrained" else EPOCHS


def home(features):
    """The checkpoint that features are of: that of their name, else the last."""
    return next((checkpoint for checkpoint in CHECKPOINTS if features.endswith(checkpoint)), LAST)
