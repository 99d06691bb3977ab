"""Activations: one forward pass for every checkpoint over all shards.

Branches are read at the first and the last checkpoint alone (`flow`, see `probe`), so they are cached there alone.
"""


def layers_at(checkpoint):
    """The layers that are read at a checkpoint."""
    return names.cached_layers(LAYERS) if checkpoint in ENDS else names.probed_layers(LAYERS)


def shards_of(checkpoint, layers):
    """The files of some layers of a checkpoint, shard by shard."""
    return [path for layer in layers for path in activations(checkpoint, layer)]


def layers_of(wanted):
    """The layers of each checkpoint of a job."""
    return lambda w: [layers_at(own.checkpoint) for own in made_by(w, wanted)]


def kept(paths):
    """Files that stay, or go as soon as nothing in the run needs them any more."""
    return paths if CONFIG.activations.keep else temp(paths)


# Rules by the checkpoints that they are for, unless one job does all. The first and the last come first: what is probed
# in the others needs their codes.
PASSES = {"cache": CHECKPOINTS}
if CONFIG.jobs == "many":
    BETWEEN = [checkpoint for checkpoint in CHECKPOINTS if checkpoint not in ENDS]
    PASSES = {"cache_ends": ENDS, **({"cache": BETWEEN} if BETWEEN else {})}


for name, checkpoints in PASSES.items():
    wanted = combined(checkpoint=checkpoints)

    rule:
        name:
            name
        input:
            **joined(
                wanted, {"checkpoints": lambda own: [f"{SEED}/checkpoints/{own.checkpoint}.pt"]}
            ),
            images=images(STUDIED),
        output:
            kept(
                shards_of("{checkpoint}", layers_at(checkpoints[0]))
                if CONFIG.jobs == "many"
                else in_every_checkpoint(lambda c: shards_of(c, layers_at(c)))
            ),
        log:
            log_of(name, "seed", each=["checkpoint"]),
        wildcard_constraints:
            checkpoint="|".join(checkpoints),
        priority: -1 if name == "cache_ends" else -2  # what uses what there is comes first, so that it can go
        params:
            layers=layers_of(wanted),
            model=config["model"],
            caching=keys("activations", "pool", "tokens", "batch_size"),
            dtype=CONFIG.activations.dtype,
            digest=source_digest("cache.py"),
        message:
            f"Caching activations: seed {{wildcards.seed}}, {for_each(checkpoint='checkpoints')}"
        script:
            "../scripts/cache.py"
