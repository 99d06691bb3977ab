"""Project the activations of shards on the last features."""

from strata.features.projections import project_shard
from strata.job import job

with job(snakemake.threads, snakemake.log[0]):
    for activations, output in zip(snakemake.input.activations, snakemake.output, strict=True):
        project_shard(snakemake.input.dictionary, activations, output=output)
