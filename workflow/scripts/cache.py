"""Cache the activations of shards under checkpoints, in all layers."""

from strata.activations.cache import Caching, cache_shard
from strata.config.keys import Model
from strata.job import job, split

with job(snakemake.threads, snakemake.log[0]):
    p, made = snakemake.params, list(zip(snakemake.input.checkpoints, snakemake.input.images, strict=True))
    for (checkpoint, images), outputs in split(snakemake.output, made).items():
        cache_shard(
            images,
            checkpoint,
            outputs=dict(zip(p.layers, outputs, strict=True)),
            model=Model(**p.model),
            caching=Caching(**p.caching),
            dtype=p.dtype,
        )
