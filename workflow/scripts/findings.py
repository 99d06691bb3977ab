"""Test the claims, and say what was left out."""

from pathlib import Path

import pandas as pd

from strata import questions, truth
from strata.errors import one_line

with one_line():
    p = snakemake.params
    tables = {
        name: pd.read_csv(snakemake.input[name])
        for name in ("features", "by_checkpoint", "branch_cka", "control_vinfo")
    }
    found = questions.findings(**tables, settings=p.settings)
    if hasattr(snakemake.input, "truth_errors"):  # images that are made here
        known = [pd.read_csv(snakemake.input[name]) for name in ("truth_errors", "truth_swaps")]
        found += truth.findings(*known, p.layers, p.correlation, p.settings)
    notes = questions.notes(
        tables["features"],
        pd.read_csv(snakemake.input.code_quality),
        pd.concat(pd.read_csv(f) for f in snakemake.input.history),
        pd.concat(pd.read_csv(f) for f in snakemake.input.skipped),
    )
    questions.write_findings(found, notes, p.run, Path(snakemake.output[0]).parent)
