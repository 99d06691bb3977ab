"""Write the true factors of one shard's images as codes."""

from strata import codes
from strata.errors import one_line

with one_line():
    codes.indicate_shard(snakemake.input[0], snakemake.output[0])
