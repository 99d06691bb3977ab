"""Cache the activations of one shard under one checkpoint, in all layers."""

import torch

from strata import activations
from strata.errors import one_line

with one_line():
    p = snakemake.params
    torch.set_num_threads(snakemake.threads)
    activations.cache_shard(
        snakemake.input.images,
        snakemake.input.checkpoint,
        dict(zip(p.layers, snakemake.output, strict=True)),
        p.model,
        p.pool,
        p.tokens,
        p.dtype,
        p.batch_size,
    )
