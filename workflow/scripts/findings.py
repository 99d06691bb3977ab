"""Test the claims, and say what was left out."""

from pathlib import Path

import pandas as pd

from strata import tables
from strata.claims import findings
from strata.config.keys import Questions, Shapes
from strata.job import job

with job(snakemake.threads):
    p, i = snakemake.params, snakemake.input
    found = {name: tables.read(path) for name, path in i.items() if name not in ("history", "skipped")}
    settings = Questions(**p.settings)
    said, untested = findings.judged(found, settings, layers=p.layers, shapes=p.shapes and Shapes(**p.shapes))
    notes = findings.notes(
        found["features"],
        found["code_quality"],
        history=pd.concat(map(tables.read, i.history)),
        skipped=pd.concat(map(tables.read, i.skipped)),
        left_out=p.left_out,
    )
    folder = Path(snakemake.output[0]).parent
    findings.write_findings(said, [*notes, *untested], run=p.run, settings=settings, folder=folder)
