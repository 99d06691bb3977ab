"""What all rules share: the checked configuration, names and paths."""

from strata import dependencies
from strata import layers as names
from strata.claims.controls import CONTROLS
from strata.config.check import checked
from strata.errors import one_line
from strata.features.methods import METHODS
from strata.figures.catalogue import CONDITIONS, FIGURES
from strata.images.sources import source_of
from strata.measures.catalogue import MEASURES, tables_of_measurements
from strata.networks import epochs
from strata.probes.families import FAMILIES, REFERENCE

with one_line():
    CONFIG = checked(config)
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
LAYERS = CONFIG.activations.layers
BRANCHES = names.branches_of(LAYERS)
SOURCE = source_of(CONFIG.data.source)
METHOD = METHODS[CONFIG.features.method]
FAMILY = CONFIG.probes.family
CHUNKS = names.chunks(names.probed_layers(LAYERS), CONFIG.probes.layers_per_job)
BRANCH_CHUNKS = names.chunks(BRANCHES, CONFIG.probes.layers_per_job)
# What images are made from; None where they are not made here, so that nothing reruns for what it does not use.
SHAPES = config["data"]["shapes"] if SOURCE.factors else None
# What this run has, of what figures may need; of the rest, findings.md says why it is left out.
HAS = {
    "checkpoints": len(EPOCHS) > 2,  # several trained ones
    "branches": bool(BRANCHES),
    "superclasses": CONFIG.data.superclasses is not None,
    "families": FAMILY != REFERENCE,
    "factors": bool(SHAPES),
}
LEFT_OUT = [why for condition, why in CONDITIONS.items() if why and not HAS[condition]]
DRAWN = [figure for figure in FIGURES.values() if not figure.needs or HAS[figure.needs]]


wildcard_constraints:
    seed=r"\d+",
    shard=r"shard-\d{3}",
    classes=r"classes-\d{3}",
    checkpoint=r"epoch-\d{3}",
    features="|".join([r"epoch-\d{3}", "factors", *CONTROLS]),
    family="|".join(FAMILIES),


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


def images(shards=SHARDS):
    return expand(f"{RUN}/images/{{shard}}.h5", shard=shards)


def activations(checkpoint, layer):
    return expand(
        f"{SEED}/activations/{checkpoint}/{layer}/{{shard}}.h5",
        shard=STUDIED,
        allow_missing=True,
    )


def codes(features):
    return expand(f"{SEED}/codes/{features}/{{shard}}.h5", shard=STUDIED, allow_missing=True)


def vinfo(features, checkpoint, chunks=CHUNKS, family=FAMILY):
    return expand(
        f"{SEED}/vinfo/{features}/{checkpoint}/{family}/{{chunk}}.h5",
        chunk=chunks,
        allow_missing=True,
    )


def in_every_checkpoint(paths):
    """Files of all checkpoints, first to last: paths of one checkpoint → of all of them, one after the other."""
    return [path for checkpoint in CHECKPOINTS for path in paths(checkpoint)]
