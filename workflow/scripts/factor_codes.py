"""Write the known factors of one shard's images as codes, clean and spoilt."""

from strata.claims.factor_codes import write_calibration, write_codes
from strata.job import job

with job(snakemake.threads):
    write_codes(snakemake.input[0], snakemake.output.factors)
    write_calibration(snakemake.input[0], snakemake.output.calibration)
