"""Make checkpoints of a network that was trained elsewhere."""

from importlib import import_module

from strata import tables
from strata.config.check import checked
from strata.config.keys import Model
from strata.job import job
from strata.networks.adopt import adopt

with job(snakemake.threads, snakemake.log[0]):
    p = snakemake.params
    # Where another workflow runs Strata, nothing is checked yet. Imported by name, and not told in params: what is
    # checked makes no checkpoint, and so must not adopt again.
    import_module("strata.start").check(checked(snakemake.config))
    table = adopt(
        Model(**p.model),
        p.files,
        shards=snakemake.input.images,
        seed=int(snakemake.wildcards.seed),
        batch_size=p.batch_size,
        outputs=dict(zip(p.epochs, snakemake.output.checkpoints, strict=True)),
    )
    tables.write(snakemake.output.history, table)
