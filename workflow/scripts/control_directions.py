"""Put other directions in place of the last features' (a control)."""

from strata.claims.control_directions import write_directions
from strata.job import job

with job(snakemake.threads):
    write_directions(
        snakemake.wildcards.control, snakemake.input[0], seed=snakemake.params.seed, output=snakemake.output[0]
    )
