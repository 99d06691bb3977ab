"""Write the known factors of one shard's images as codes."""

from strata.claims.factor_codes import write_codes
from strata.job import job

with job(snakemake.threads):
    write_codes(snakemake.input[0], snakemake.output[0])
