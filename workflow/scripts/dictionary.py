"""Gather the features of all classes to one dictionary."""

from strata.features.dictionary import gather
from strata.job import job

with job(snakemake.threads):
    gather(snakemake.input, snakemake.output[0])
