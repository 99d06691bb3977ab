"""Map, group and join the features of the last checkpoint of one seed."""

from threadpoolctl import threadpool_limits

from strata import atlas
from strata.errors import one_line

with one_line(), threadpool_limits(snakemake.threads):
    p = snakemake.params
    atlas.write_atlas(snakemake.input[0], p.meta_features, p.seed, snakemake.output.features, snakemake.output.tree)
