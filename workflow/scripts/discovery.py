"""Decode the images, or cut the crops of them, that the features of some classes are discovered in."""

import pandas as pd

from strata import data
from strata.errors import one_line

with one_line():
    p = snakemake.params
    images = pd.read_csv(snakemake.input[0], dtype={"class": str}, keep_default_na=False)
    classes = images.drop_duplicates("label").sort_values("label")["class"]
    job = int(snakemake.wildcards.classes.rsplit("-", 1)[1])
    data.write_shard(
        data.discovery(images, p.images_per_class, p.jobs, job),
        list(classes),
        p.source,
        p.path,
        p.size,
        p.on_bad_image,
        snakemake.output[0],
        p.shapes,
        p.resize,
        p.crops,
    )
