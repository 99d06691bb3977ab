"""Cache the activations of checkpoints, shard by shard, in the layers that are read of each."""

from itertools import islice

from strata.activations.cache import Caching, cache_shard
from strata.config.keys import Model
from strata.job import job

with job(snakemake.threads, snakemake.log[0]):
    p, i, outputs = snakemake.params, snakemake.input, iter(snakemake.output)
    for checkpoint, layers in zip(i.checkpoints, p.layers, strict=True):
        files = {layer: list(islice(outputs, len(i.images))) for layer in layers}
        for n, images in enumerate(i.images):
            cache_shard(
                images,
                checkpoint,
                outputs={layer: shards[n] for layer, shards in files.items()},
                model=Model(**p.model),
                caching=Caching(**p.caching),
                dtype=p.dtype,
            )
