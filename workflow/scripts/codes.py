"""Encode one shard with the features of a checkpoint."""

import torch

from strata import codes
from strata.errors import one_line

with one_line():
    p = snakemake.params
    torch.set_num_threads(snakemake.threads)
    codes.encode_shard(
        snakemake.input.features,
        snakemake.input.activations,
        p.tolerance,
        p.max_iterations,
        snakemake.output[0],
    )
