"""Put other directions in place of features (a control)."""

from strata.claims.control_directions import write_directions
from strata.job import job

with job(snakemake.threads, snakemake.log[0]):
    for features, output in zip(snakemake.input, snakemake.output, strict=True):
        write_directions(snakemake.wildcards.control, features, seed=snakemake.params.seed, output=output)
