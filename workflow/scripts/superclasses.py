"""Check the super-classes that the user gives against the classes that there are."""

from strata import tables
from strata.images.superclasses import superclasses
from strata.job import job

with job(snakemake.threads, snakemake.log[0]):
    classes = sorted(tables.read(snakemake.input.images)["class"].unique())
    tables.write(snakemake.output[0], superclasses(snakemake.input.table, classes))
