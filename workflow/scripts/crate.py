"""Describe the run's folder as an RO-Crate, beside a copy of what made it."""

from pathlib import Path

import yaml

from strata import provenance, store
from strata.config.check import checked
from strata.crate import crate
from strata.job import job

with job(snakemake.threads, snakemake.log[0]):
    o, config = snakemake.output, checked(snakemake.config)
    record = provenance.read(Path(o.crate).parent)  # which a module of another workflow has not
    configuration = yaml.safe_dump(provenance.plain(config), sort_keys=False, allow_unicode=True)
    store.write_bytes(o.snakefile, snakemake.params.snakefile.encode())
    store.write_bytes(o.config, configuration.encode())
    store.write_bytes(o.crate, crate(config, record).encode())
