"""Measure something of every feature of one seed, in a pass of its own over the data."""

from strata.job import job, parts, split
from strata.measures.measure import measure

with job(snakemake.threads, snakemake.log[0]):
    p = snakemake.params
    outputs = split(snakemake.output, range(len(p.files)))
    for files, epochs, own in zip(parts(snakemake.input, p.files), p.epochs, outputs.values(), strict=True):
        measure(p.measure, files, settings=p.settings, epochs=epochs, outputs=own)
