"""Discover the features of checkpoints in some of the classes."""

from strata.activations.cache import Caching
from strata.config.keys import Model
from strata.features.class_features import discover_checkpoint
from strata.job import job, seed_of

with job(snakemake.threads, snakemake.log[0]):
    p, images = snakemake.params, snakemake.input.images
    for checkpoint, half, output in zip(snakemake.input.checkpoints, p.halves, snakemake.output, strict=True):
        discover_checkpoint(
            images,
            checkpoint,
            model=Model(**p.model),
            caching=Caching(**p.caching),
            method=p.method,
            per_class=p.per_class,
            seed=seed_of(snakemake.wildcards.seed),
            tolerance=p.tolerance,
            max_iterations=p.max_iterations,
            output=output,
            half=half,
        )
