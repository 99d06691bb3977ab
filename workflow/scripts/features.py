"""Gather the features of all classes."""

from strata import dictionary
from strata.errors import one_line

with one_line():
    dictionary.gather(snakemake.input, snakemake.output[0])
