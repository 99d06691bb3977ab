"""Shuffle the codes of one shard over its images."""

from strata import features
from strata.errors import one_line

with one_line():
    features.shuffle_shard(snakemake.input[0], snakemake.params.seed, snakemake.output[0])
