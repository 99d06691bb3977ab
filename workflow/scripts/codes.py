"""Encode one shard with the features of a checkpoint."""

from strata.features.codes import encode_shard
from strata.job import job

with job(snakemake.threads):
    p = snakemake.params
    encode_shard(
        snakemake.input.dictionary,
        snakemake.input.activations,
        method=p.method,
        tolerance=p.tolerance,
        max_iterations=p.max_iterations,
        output=snakemake.output[0],
    )
