"""Discover the features of one checkpoint."""

import torch

from strata import features
from strata.errors import one_line

with one_line():
    p = snakemake.params
    torch.set_num_threads(snakemake.threads)
    features.discover_checkpoint(
        snakemake.input.activations,
        snakemake.input.images,
        snakemake.input.checkpoint,
        p.model,
        p.method,
        p.per_class,
        int(snakemake.wildcards.seed),
        p.tolerance,
        p.max_iterations,
        snakemake.output[0],
    )
