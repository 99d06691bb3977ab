"""Join the tables of all nulls and seeds."""

from strata.job import job, split
from strata.measures.gather import gather

with job(snakemake.threads, snakemake.log[0]):
    p, outputs = snakemake.params, dict(snakemake.output.items())
    nulls, seeds = [null for null in p.nulls for _ in p.seeds], [seed for _ in p.nulls for seed in p.seeds]
    for name, parts in split(snakemake.input, outputs).items():
        gather(parts, outputs[name], null=nulls, seed=seeds)
