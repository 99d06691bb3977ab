"""Gather the images, or the crops of them, that the features of some classes are discovered in."""

from strata.features.discovery import write_images
from strata.job import job

with job(snakemake.threads, snakemake.log[0]):
    p = snakemake.params
    write_images(
        snakemake.input,
        p.images_per_class,
        crops=p.crops,
        jobs=p.jobs,
        job=int(snakemake.wildcards.classes.rsplit("-", 1)[1]),
        output=snakemake.output[0],
    )
