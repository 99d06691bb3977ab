"""Activations: one job, and one forward pass, for every checkpoint and shard."""


def kept(paths):
    """Files that stay, or go as soon as nothing in the run needs them any more."""
    return paths if config["activations"]["keep"] else temp(paths)


rule activations:
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
        **keys("activations", "pool", "tokens", "dtype", "batch_size"),
        layers=names.cached_layers(LAYERS),
        model=config["model"],
        digest=source_digest("activations.py"),
    message:
        "Caching activations: seed {wildcards.seed}, {wildcards.checkpoint}, {wildcards.shard}"
    script:
        "../scripts/activations.py"
