"""Write the known factors of images as codes, clean and spoilt."""

from strata.claims.factor_codes import write_calibration, write_codes
from strata.job import job

with job(snakemake.threads, snakemake.log[0]):
    made = zip(snakemake.input, snakemake.output.factors, snakemake.output.calibration, strict=True)
    for images, factors, calibration in made:
        write_codes(images, factors)
        write_calibration(images, calibration)
