"""Make checkpoints of a network that was trained elsewhere."""

from strata import store, weights
from strata.errors import one_line

with one_line():
    p = snakemake.params
    table = weights.adopt(
        p.model,
        p.files,
        snakemake.input.images,
        int(snakemake.wildcards.seed),
        p.batch_size,
        dict(zip(p.epochs, snakemake.output.checkpoints, strict=True)),
    )
    store.write_bytes(snakemake.output.history, table.to_csv(index=False).encode())
