"""Match the features of every two seeds by their codes."""

from strata import tables
from strata.job import job, split
from strata.measures.stability import between_seeds

with job(snakemake.threads, snakemake.log[0]):
    i = snakemake.input
    table = between_seeds(i.dictionary, split(i.codes, snakemake.params.seeds))
    tables.write(snakemake.output[0], table)
