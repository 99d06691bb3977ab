"""Activations: one forward pass for every checkpoint and shard."""

CACHED = combined(checkpoint=CHECKPOINTS, shard=STUDIED)


def kept(paths):
    """Files that stay, or go as soon as nothing in the run needs them any more."""
    return paths if CONFIG.activations.keep else temp(paths)


rule cache:
    input:
        images=lambda w: [f"{RUN}/images/{own.shard}.h5" for own in made_by(w, CACHED)],
        checkpoints=lambda w: [
            f"{SEED}/checkpoints/{own.checkpoint}.pt" for own in made_by(w, CACHED)
        ],
    output:
        kept(
            of_a_job(
                [
                    f"{SEED}/activations/{{checkpoint}}/{layer}/{{shard}}.h5"
                    for layer in names.cached_layers(LAYERS)
                ],
                CACHED,
            )
        ),
    log:
        log_of("cache", "seed", each=["checkpoint", "shard"]),
    priority: -1  # what uses those that there are comes first, so that they can go
    params:
        layers=names.cached_layers(LAYERS),
        model=config["model"],
        caching=keys("activations", "pool", "tokens", "batch_size"),
        dtype=CONFIG.activations.dtype,
        digest=source_digest("cache.py"),
    message:
        f"Caching activations: seed {{wildcards.seed}}, {for_each(checkpoint='checkpoints', shard='shards')}"
    script:
        "../scripts/cache.py"
