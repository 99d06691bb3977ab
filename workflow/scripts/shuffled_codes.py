"""Shuffle the codes of one shard over its images."""

from strata import codes
from strata.errors import one_line

with one_line():
    codes.shuffle_shard(snakemake.input[0], snakemake.params.seed, snakemake.output[0])
