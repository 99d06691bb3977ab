"""Test the claims, and say what was left out."""

from pathlib import Path

import pandas as pd

from strata import questions, truth
from strata.errors import one_line
from strata.findings import write_findings

with one_line():
    p, i = snakemake.params, snakemake.input
    tables = {name: pd.read_csv(i[name]) for name in questions.TABLES if name in i.keys()}  # noqa: SIM118
    notes = questions.notes(
        tables["features"],
        pd.read_csv(i.code_quality),
        pd.concat(pd.read_csv(f) for f in i.history),
        pd.concat(pd.read_csv(f) for f in i.skipped),
        p.left_out,
    )
    notes += questions.left_out(p.settings, **tables)
    known = [pd.read_csv(i[name]) for name in ("truth_errors", "truth_swaps") if hasattr(i, name)]
    also = truth.findings(*known, p.layers, p.shapes, p.settings) if known else []
    found = questions.findings(p.settings, also, **tables)
    write_findings(found, notes, p.run, p.settings, Path(snakemake.output[0]).parent)
