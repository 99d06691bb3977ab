"""Activations: one job, and one forward pass, for every checkpoint and shard."""


rule activations:
    input:
        images=f"{RUN}/images/{{shard}}.h5",
        checkpoint=f"{SEED}/checkpoints/{{checkpoint}}.pt",
    output:
        expand(
            f"{SEED}/activations/{{checkpoint}}/{{layer}}/{{shard}}.h5",
            layer=names.cached_layers(LAYERS),
            allow_missing=True,
        ),
    params:
        **keys("activations", "pool", "tokens", "dtype", "batch_size"),
        layers=names.cached_layers(LAYERS),
        model=config["model"],
        digest=source_digest("activations.py"),
    message:
        "Caching activations: seed {wildcards.seed}, {wildcards.checkpoint}, {wildcards.shard}"
    script:
        "../scripts/activations.py"
