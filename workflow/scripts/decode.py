"""Decode the images of some shards."""

from strata import tables
from strata.config.keys import Shapes
from strata.images.decode import write_shard
from strata.images.index import classes_in
from strata.images.sources import Given
from strata.job import job

with job(snakemake.threads, snakemake.log[0]):
    p = snakemake.params
    images = tables.read(snakemake.input[0])
    classes = classes_in(images)
    for shard, output, skipped in zip(p.shards, snakemake.output.shards, snakemake.output.skipped, strict=True):
        unreadable = write_shard(
            images[images["shard"] == shard],
            classes,
            given=Given(**p.given, shapes=p.shapes and Shapes(**p.shapes), seed=p.seed),
            size=p.size,
            resize=p.resize,
            on_bad_image=p.on_bad_image,
            output=output,
        )
        tables.write(skipped, unreadable)
