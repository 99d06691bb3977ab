"""List all images of the source, with class, split and shard."""

from strata import tables
from strata.config.keys import Shapes
from strata.images.index import index
from strata.images.sources import Given
from strata.job import job

with job(snakemake.threads, snakemake.log[0]):
    p = snakemake.params
    given = Given(**p.given, shapes=p.shapes and Shapes(**p.shapes), seed=p.seed)
    tables.write(snakemake.output[0], index(given, p.test_fraction, shards=p.shards, seed=p.seed))
