"""Test the claims, and say what was left out."""

from pathlib import Path

import pandas as pd

from strata import tables
from strata.claims import findings
from strata.config.keys import Questions, Shapes
from strata.job import job

with job(snakemake.threads, snakemake.log[0]):
    p, i = snakemake.params, snakemake.input
    found = {name: tables.read(path) for name, path in i.items() if name not in ("history", "skipped")}
    found["history"] = tables.read_together(i.history, seed=p.seeds)
    of_nulls = {name.removeprefix("null_"): found.pop(name) for name in list(found) if name.startswith("null_")}
    nulls = findings.by_null(of_nulls, p.nulls)
    settings = Questions(**p.settings)
    shapes = p.shapes and Shapes(**p.shapes)
    said, untested = findings.judged(found, settings, nulls=nulls, layers=p.layers, shapes=shapes)
    notes = findings.notes(
        found["features"],
        found["code_quality"],
        history=found["history"],
        skipped=pd.concat(map(tables.read, i.skipped)),
    )
    folder = Path(snakemake.output[0]).parent
    left_out = {**p.left_out, **untested}
    findings.write_findings(said, notes, left_out=left_out, run=p.run, settings=settings, folder=folder)
