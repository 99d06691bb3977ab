"""List all images of the source, with class, split and shard."""

from strata import data, store
from strata.errors import one_line

with one_line():
    p = snakemake.params
    images = data.index(p.source, p.path, p.test_fraction, p.shards, p.seed, p.shapes, p.labels)
    store.write_bytes(snakemake.output[0], images.to_csv(index=False).encode())
