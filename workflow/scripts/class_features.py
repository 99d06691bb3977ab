"""Discover the features of one checkpoint in some of the classes."""

import torch

from strata import features
from strata.errors import one_line

with one_line():
    p = snakemake.params
    torch.set_num_threads(snakemake.threads)
    features.discover_checkpoint(
        snakemake.input.images,
        snakemake.input.checkpoint,
        p.model,
        p.caching,
        p.method,
        p.per_class,
        int(snakemake.wildcards.seed),
        p.tolerance,
        p.max_iterations,
        snakemake.output[0],
    )
