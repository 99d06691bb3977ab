"""Encode shards with the features of checkpoints."""

from strata.features.codes import encode_shard
from strata.job import job

with job(snakemake.threads, snakemake.log[0]):
    p, i = snakemake.params, snakemake.input
    for dictionary, activations, output in zip(i.dictionaries, i.activations, snakemake.output, strict=True):
        encode_shard(
            dictionary,
            activations,
            method=p.method,
            tolerance=p.tolerance,
            max_iterations=p.max_iterations,
            output=output,
        )
