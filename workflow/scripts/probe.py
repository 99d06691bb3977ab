"""Probe layers of checkpoints for features, of several kinds, under a predictive family."""

from strata.config.keys import typed
from strata.job import job, parts, split
from strata.probes.probe import probe_layers

with job(snakemake.threads, snakemake.log[0]):
    p = snakemake.params
    for own, files, output in zip(p.probed, parts(snakemake.input, p.files), snakemake.output, strict=True):
        weighted = {}
        if own["sample"] == "enriched":
            origins = dict(zip(own["features"], files["origins"], strict=True))
            weighted = {"origins": origins, "images": files["images"], "class_share": own["class_share"]}
        probe_layers(
            split(files["activations"], own["layers"]),
            split(files["codes"], own["features"]),
            family=own["family"],
            sample=own["sample"],
            output=output,
            studied=p.studied,
            **weighted,
            **{key: typed(f"probes.{key}", value) for key, value in own["settings"].items()},
        )
