"""Activations: one job, and one forward pass, for every checkpoint and shard."""


def kept(paths):
    """Files that stay, or go as soon as nothing in the run needs them any more."""
    return paths if CONFIG.activations.keep else temp(paths)


rule cache:
    input:
        images=f"{RUN}/images/{{shard}}.h5",
        checkpoint=f"{SEED}/checkpoints/{{checkpoint}}.pt",
    output:
        kept(
            expand(
                f"{SEED}/activations/{{checkpoint}}/{{layer}}/{{shard}}.h5",
                layer=names.cached_layers(LAYERS),
                allow_missing=True,
            )
        ),
    priority: -1  # what uses those that there are comes first, so that they can go
    params:
        layers=names.cached_layers(LAYERS),
        model=config["model"],
        caching=keys("activations", "pool", "tokens", "batch_size"),
        dtype=CONFIG.activations.dtype,
        digest=source_digest("cache.py"),
    message:
        "Caching activations: seed {wildcards.seed}, {wildcards.checkpoint}, {wildcards.shard}"
    script:
        "../scripts/cache.py"
