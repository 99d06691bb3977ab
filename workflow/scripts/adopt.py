"""Make checkpoints of a network that was trained elsewhere."""

from importlib import import_module

from strata import store, weights
from strata.errors import one_line

with one_line():
    p = snakemake.params
    # Imported by name, and not told in params: what is checked makes no checkpoint, and so must not adopt again.
    import_module("strata.features").check(snakemake.config, snakemake.input.images)
    table = weights.adopt(
        p.model,
        p.files,
        snakemake.input.images,
        int(snakemake.wildcards.seed),
        p.batch_size,
        dict(zip(p.epochs, snakemake.output.checkpoints, strict=True)),
    )
    store.write_bytes(snakemake.output.history, table.to_csv(index=False).encode())
