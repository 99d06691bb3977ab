"""Print what was found of the images and the network, and what the run would take; or what would stop it."""

from strata.config.check import checked
from strata.job import job
from strata.preflight import page

with job(snakemake.threads, snakemake.log[0]):
    told = page(checked(snakemake.config))
print(told)
