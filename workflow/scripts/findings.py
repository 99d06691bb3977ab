"""Test the claims, and say what was left out."""

from pathlib import Path

import pandas as pd

from strata import questions, truth
from strata.errors import one_line
from strata.findings import write_findings

with one_line():
    p, i = snakemake.params, snakemake.input
    tables = {name: pd.read_csv(i[name]) for name in questions.TABLES if name in i.keys()}  # noqa: SIM118
    known = []
    if hasattr(i, "truth_errors"):  # images that are made here
        truths = [pd.read_csv(i[name]) for name in ("truth_errors", "truth_swaps")]
        known = truth.findings(*truths, p.layers, p.correlation, p.settings)
    notes = questions.notes(
        tables["features"],
        pd.read_csv(i.code_quality),
        pd.concat(pd.read_csv(f) for f in i.history),
        pd.concat(pd.read_csv(f) for f in i.skipped),
        p.superclasses,
    )
    notes += questions.left_out(p.settings, **tables)
    found = questions.findings(p.settings, known, **tables)
    write_findings(found, notes, p.run, p.settings, Path(snakemake.output[0]).parent)
