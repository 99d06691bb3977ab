"""Decode the images of one shard."""

import pandas as pd

from strata import data, store
from strata.errors import one_line

with one_line():
    p = snakemake.params
    images = pd.read_csv(snakemake.input[0], dtype={"class": str}, keep_default_na=False)
    shard = images[images["shard"] == int(snakemake.wildcards.shard.rsplit("-", 1)[1])]
    classes = images.drop_duplicates("label").sort_values("label")["class"]
    skipped = data.write_shard(
        shard, list(classes), p.source, p.path, p.size, p.on_bad_image, snakemake.output.shard, p.shapes, p.resize
    )
    store.write_bytes(snakemake.output.skipped, skipped.to_csv(index=False).encode())
