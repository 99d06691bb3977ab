"""Draw all figures, and write the numbers behind each."""

import json
from pathlib import Path

import pandas as pd

from strata import figures
from strata.errors import one_line
from strata.questions import Finding

with one_line():
    p, i = snakemake.params, snakemake.input
    t = {
        name: pd.read_csv(i[name], dtype={"class": str}, keep_default_na=False, na_values=[""])
        for name in ("features", "by_checkpoint", "branch_cka", "control_vinfo")
    }
    found = [Finding(**f) for f in json.loads(Path(i.findings).read_text())]
    history = pd.concat(pd.read_csv(f).assign(seed=int(Path(f).parent.name.removeprefix("seed-"))) for f in i.history)
    drawn = {
        "findings": figures.findings(found),
        "training": figures.training(history),
        "q1_spectrum": figures.q1_spectrum(t["features"], i.images, i.last_codes, p.settings["examples"]),
        "q2_emergence": figures.q2_emergence(t["features"], p.questions),
        "q2_growth": figures.q2_growth(t["by_checkpoint"], p.questions),
        "q3_flow": figures.q3_flow(t["features"], t["branch_cka"], p.questions),
        "q4_importance": figures.q4_importance(t["by_checkpoint"], p.questions),
        "controls": figures.controls(t["features"], t["control_vinfo"], p.questions),
    }
    run = Path(i.findings).parent
    for name, figure in drawn.items():
        figures.save(figure, name, run, p.settings["dpi"])
