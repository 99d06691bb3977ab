"""Project the activations of one shard on the last features."""

from strata.features.projections import project_shard
from strata.job import job

with job(snakemake.threads):
    project_shard(snakemake.input.dictionary, snakemake.input.activations, output=snakemake.output[0])
