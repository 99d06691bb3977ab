"""Discover the features of one checkpoint in some of the classes."""

from strata.activations.cache import Caching
from strata.config.keys import Model
from strata.features.class_features import discover_checkpoint
from strata.job import job, seed_of

with job(snakemake.threads):
    p = snakemake.params
    discover_checkpoint(
        snakemake.input.images,
        snakemake.input.checkpoint,
        model=Model(**p.model),
        caching=Caching(**p.caching),
        method=p.method,
        per_class=p.per_class,
        seed=seed_of(snakemake.wildcards.seed),
        tolerance=p.tolerance,
        max_iterations=p.max_iterations,
        output=snakemake.output[0],
        half=p.half,
    )
