"""Change the known factors of the test images one by one, and see what every checkpoint of one seed makes of it."""

from strata import tables
from strata.claims.interventions import intervene
from strata.config.keys import Model
from strata.job import job

with job(snakemake.threads, snakemake.log[0]):
    p = snakemake.params
    checkpoints = dict(zip(p.epochs, snakemake.input.checkpoints, strict=True))
    table = intervene(snakemake.input.images, checkpoints, model=Model(**p.model), size=p.size, seed=p.seed)
    # Six digits: the last ones of a logit depend on the machine.
    tables.write(snakemake.output[0], table, digits=6)
