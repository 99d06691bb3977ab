"""Measure what accuracy is left when features of one seed are removed."""

from strata import tables
from strata.job import job, seed_of
from strata.measures.support import support_of_seed

with job(snakemake.threads):
    i = snakemake.input
    table = support_of_seed(
        tables.read(i.features),
        i.dictionary,
        code_shards=i.codes,
        image_shards=i.images,
        seed=snakemake.params.seed,
    )
    own = table.assign(seed=seed_of(snakemake.wildcards.seed))
    tables.write(snakemake.output[0], own[["seed", *table]])
