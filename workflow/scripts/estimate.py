"""Print what the run would cost."""

from strata import estimate
from strata.config.check import checked
from strata.job import job

with job(snakemake.threads, snakemake.log[0]):
    config = checked(snakemake.config)
    shape = estimate.traced(config)
    rates = estimate.read_rates()
    tables = {device: estimate.estimate(config, shape, rates=own) for device, own in rates.items()}
    told = estimate.text(config, shape, tables=tables)
print(told)
