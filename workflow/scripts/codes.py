"""Encode all shards with the features of checkpoints."""

from strata.features.codes import encode_shard
from strata.job import job, split

with job(snakemake.threads, snakemake.log[0]):
    p, i = snakemake.params, snakemake.input
    codes = split(snakemake.output, i.dictionaries)
    for dictionary, shards in split(i.activations, i.dictionaries).items():
        for activations, output in zip(shards, codes[dictionary], strict=True):
            encode_shard(
                dictionary,
                activations,
                method=p.method,
                tolerance=p.tolerance,
                max_iterations=p.max_iterations,
                output=output,
            )
