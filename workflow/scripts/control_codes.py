"""Put other codes in place of the last features' (a control)."""

from strata.claims.control_codes import write_codes
from strata.job import job

with job(snakemake.threads, snakemake.log[0]):
    for codes, output in zip(snakemake.input, snakemake.output, strict=True):
        write_codes(snakemake.wildcards.control, codes, seed=snakemake.params.seed, output=output)
