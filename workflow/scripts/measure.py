"""Measure something of every feature of one seed, in a pass of its own over the data."""

from strata.job import job
from strata.measures.measure import measure

with job(snakemake.threads):
    p = snakemake.params
    measure(p.measure, dict(snakemake.input.items()), settings=p.settings, epochs=p.epochs, outputs=snakemake.output)
