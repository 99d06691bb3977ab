"""Measure what accuracy is left when features of one seed are removed."""

from strata import tables
from strata.job import job, parts, seed_of
from strata.measures.support import support_of_seed

with job(snakemake.threads, snakemake.log[0]):
    p, seed = snakemake.params, seed_of(snakemake.wildcards.seed)
    for files, output in zip(parts(snakemake.input, p.files), snakemake.output, strict=True):
        table = support_of_seed(
            tables.read(files["features"][0]),
            files["dictionary"][0],
            code_shards=files["codes"],
            image_shards=files["images"],
            seed=p.seed,
        )
        tables.write(output, table.assign(seed=seed)[["seed", *table]])
