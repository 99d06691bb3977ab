"""Gather the images, or the crops of them, that the features of some classes are discovered in."""

from strata import discovery
from strata.errors import one_line

with one_line():
    p = snakemake.params
    job = int(snakemake.wildcards.classes.rsplit("-", 1)[1])
    discovery.write_images(snakemake.input, p.images_per_class, p.crops, p.jobs, job, snakemake.output[0])
