"""Gather the features of all classes to a dictionary of a checkpoint."""

from strata.features.dictionary import gather
from strata.job import job, split

with job(snakemake.threads, snakemake.log[0]):
    for output, parts in split(snakemake.input, snakemake.output).items():
        gather(parts, output)
