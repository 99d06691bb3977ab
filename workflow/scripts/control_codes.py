"""Put other codes in place of the last features' (a control)."""

from strata.claims.control_codes import write_codes
from strata.job import job

with job(snakemake.threads):
    write_codes(snakemake.wildcards.control, snakemake.input[0], seed=snakemake.params.seed, output=snakemake.output[0])
