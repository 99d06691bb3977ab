"""Test the claims, and say what was left out."""

from pathlib import Path

import pandas as pd

from strata import questions
from strata.errors import one_line

with one_line():
    p = snakemake.params
    tables = {
        name: pd.read_csv(snakemake.input[name])
        for name in ("features", "by_checkpoint", "branch_cka", "control_vinfo")
    }
    found = questions.findings(**tables, settings=p.settings)
    notes = questions.notes(
        tables["features"],
        pd.read_csv(snakemake.input.code_quality),
        pd.concat(pd.read_csv(f) for f in snakemake.input.history),
        pd.concat(pd.read_csv(f) for f in snakemake.input.skipped),
        p.superclasses,
    )
    questions.write_findings(found, notes, p.run, Path(snakemake.output[0]).parent)
