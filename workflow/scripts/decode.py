"""Decode the images of one shard."""

from strata import tables
from strata.config.keys import Shapes
from strata.images.decode import write_shard
from strata.images.sources import Given
from strata.job import job

with job(snakemake.threads):
    p = snakemake.params
    images = tables.read(snakemake.input[0])
    skipped = write_shard(
        images[images["shard"] == int(snakemake.wildcards.shard.rsplit("-", 1)[1])],
        list(images.drop_duplicates("label").sort_values("label")["class"]),
        given=Given(**p.given, shapes=p.shapes and Shapes(**p.shapes), seed=p.seed),
        size=p.size,
        resize=p.resize,
        on_bad_image=p.on_bad_image,
        output=snakemake.output.shard,
    )
    tables.write(snakemake.output.skipped, skipped)
