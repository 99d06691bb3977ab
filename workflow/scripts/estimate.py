"""Print what the run would cost."""

from strata import costs
from strata.errors import one_line

with one_line():
    shape = costs.shapes(snakemake.config)
    tables = {device: costs.estimate(snakemake.config, shape, rates) for device, rates in costs.read_rates().items()}
    print(costs.text(snakemake.config, shape, tables))
