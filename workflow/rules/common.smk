"""What all rules share: the checked configuration, names and paths."""

from strata import config as configuration
from strata import layers as names
from strata import series, sources
from strata.errors import one_line

with one_line():
    config = configuration.checked(config, workflow.source_path("../schemas/config.schema.yaml"))

RUN = f"results/{config['run']}"
SEED = f"{RUN}/seed-{{seed}}"
SHARDS = [f"shard-{i:03d}" for i in range(config["data"]["shards"])]
STUDIED = SHARDS[: configuration.studied_shards(config)]
CLASSES = [f"classes-{i:03d}" for i in range(config["features"]["jobs"])]
with one_line():
    EPOCHS = series.epochs(config)
CHECKPOINTS = [f"epoch-{epoch:03d}" for epoch in EPOCHS]
LAST = CHECKPOINTS[-1]
LAYERS = config["activations"]["layers"]
CHUNKS = names.chunks(names.probed_layers(LAYERS), config["probes"]["layers_per_job"])
FAMILY = config["probes"]["family"]
BRANCHES = names.branches_of(LAYERS)
BRANCH_CHUNKS = names.chunks(BRANCHES, config["probes"]["layers_per_job"])
SERIES = len(EPOCHS) > 2  # several trained checkpoints
# What this configuration cannot have, and why.
LEFT_OUT = []
if not SERIES:
    LEFT_OUT.append("question 2, because the network has one trained checkpoint alone")
if not BRANCHES:
    LEFT_OUT.append("question 3, because activations.layers names no residual block (block-01, …)")
if not config["data"]["superclasses"]:
    LEFT_OUT.append(
        "the figure a_superclasses, because no super-classes are given (data.superclasses)"
    )
# What images are made from; None where they are not made here, so that nothing reruns for what it does not use.
SHAPES = (
    config["data"]["shapes"] | {"seed": config["data"]["seed"]}
    if config["data"]["source"] == "shapes"
    else None
)


wildcard_constraints:
    seed=r"\d+",
    shard=r"shard-\d{3}",
    classes=r"classes-\d{3}",
    checkpoint=r"epoch-\d{3}",
    features=r"epoch-\d{3}|shuffled|random|truth",


def source_digest(script):
    """A digest of the modules that a script imports: Snakemake does not see them change."""
    return sources.digest(workflow.source_path(f"../scripts/{script}"))


def keys(section, *wanted):
    """The keys of a section of the configuration that a rule uses."""
    return {key: config[section][key] for key in wanted}


def images(shards=SHARDS):
    return expand(f"{RUN}/images/{{shard}}.h5", shard=shards)


def activations(checkpoint, layer):
    return expand(
        f"{SEED}/activations/{checkpoint}/{layer}/{{shard}}.h5",
        shard=STUDIED,
        allow_missing=True,
    )


def checkpoint_of(features):
    """The checkpoint that features belong to; what has none of its own belongs to the last."""
    return features if features in CHECKPOINTS else LAST


def codes(features):
    return expand(f"{SEED}/codes/{features}/{{shard}}.h5", shard=STUDIED, allow_missing=True)


def vinfo(features, checkpoint, chunks, family=FAMILY):
    return expand(
        f"{SEED}/vinfo/{features}/{checkpoint}/{family}/{{chunk}}.h5",
        chunk=chunks,
        allow_missing=True,
    )
