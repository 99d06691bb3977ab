"""Probe some layers of a checkpoint for some features, under one predictive family."""

from strata.config.keys import typed
from strata.job import job, split
from strata.probes.probe import probe_layers

with job(snakemake.threads):
    p = snakemake.params
    probe_layers(
        split(snakemake.input.activations, p.layers),
        snakemake.input.codes,
        family=snakemake.wildcards.family,
        output=snakemake.output[0],
        **{key: typed(f"probes.{key}", value) for key, value in p.settings.items()},
    )
