"""Cache the activations of one shard under one checkpoint, in all layers."""

from strata.activations.cache import Caching, cache_shard
from strata.config.keys import Model
from strata.job import job

with job(snakemake.threads):
    p = snakemake.params
    cache_shard(
        snakemake.input.images,
        snakemake.input.checkpoint,
        outputs=dict(zip(p.layers, snakemake.output, strict=True)),
        model=Model(**p.model),
        caching=Caching(**p.caching),
        dtype=p.dtype,
    )
