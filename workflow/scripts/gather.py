"""Join the tables of all seeds."""

from strata.job import job, split
from strata.measures.gather import gather

with job(snakemake.threads, snakemake.log[0]):
    outputs = dict(snakemake.output.items())
    for name, parts in split(snakemake.input, outputs).items():
        gather(parts, outputs[name])
