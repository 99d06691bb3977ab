"""Probe some layers of a checkpoint for features, of several kinds, under one predictive family."""

from strata.config.keys import typed
from strata.job import job, split
from strata.probes.probe import probe_layers

with job(snakemake.threads):
    p, given = snakemake.params, snakemake.input
    weighted = {}
    if p.sample == "enriched":
        origins = dict(zip(p.features, given.origins, strict=True))
        weighted = {"origins": origins, "images": given.images, "class_share": p.class_share}
    probe_layers(
        split(given.activations, p.layers),
        split(given.codes, p.features),
        family=snakemake.wildcards.family,
        sample=p.sample,
        output=snakemake.output[0],
        studied=p.studied,
        **weighted,
        **{key: typed(f"probes.{key}", value) for key, value in p.settings.items()},
    )
