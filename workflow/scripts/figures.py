"""Draw all figures, and write the numbers behind each."""

import json
from pathlib import Path

import pandas as pd

from strata.errors import one_line
from strata.figures import appendix, appendix_map, claims, families, how_much, what, when, where
from strata.figures import truth as known
from strata.figures.drawing import save
from strata.findings import Finding

with one_line():
    p, i = snakemake.params, snakemake.input
    t = {
        name: pd.read_csv(i[name], dtype={"class": str}, keep_default_na=False, na_values=[""])
        for name in (
            "features",
            "by_checkpoint",
            "decoding",
            "importance_targets",
            "branch_cka",
            "control_vinfo",
            "robustness",
            "support",
        )
    }
    found = [Finding(**f) for f in json.loads(Path(i.findings).read_text())]
    history = pd.concat(pd.read_csv(f).assign(seed=int(Path(f).parent.name.removeprefix("seed-"))) for f in i.history)
    drawings = {
        "findings": lambda: claims.findings(found),
        "training": lambda: claims.training(history),
        "q1_spectrum": lambda: what.q1_spectrum(t["features"], i.images, i.last_codes, p.settings["examples"]),
        "q1_map": lambda: what.q1_map(t["features"]),
        "q1_meta_features": lambda: what.q1_meta_features(
            t["features"], i.images, i.last_codes, i.pictures, p.settings["examples"]
        ),
        "q1_plate": lambda: what.q1_plate(
            t["features"], i.decoded[0], i.images, i.last_codes, i.pictures, p.settings["examples"]
        ),
        "q2_emergence": lambda: when.q2_emergence(t["features"], p.questions),
        "q2_deciles": lambda: when.q2_deciles(t["features"], t["decoding"], p.questions),
        "q2_growth": lambda: when.q2_growth(t["by_checkpoint"], p.questions),
        "q2_sedimentation": lambda: when.q2_sedimentation(t["by_checkpoint"], p.layers, p.questions),
        "q3_flow": lambda: where.q3_flow(t["features"], t["branch_cka"], p.questions),
        "q3_teleport": lambda: where.q3_teleport(t["features"], t["branch_cka"], p.questions),
        "q4_importance": lambda: how_much.q4_importance(t["by_checkpoint"], p.questions),
        "q4_targets": lambda: how_much.q4_targets(t["features"], t["importance_targets"], p.questions),
        "q4_support": lambda: how_much.q4_support(t["support"]),
        "controls": lambda: claims.controls(t["features"], t["control_vinfo"], p.questions),
        "a_map": lambda: appendix_map.a_map(t["features"]),
        "a_dendrogram": lambda: appendix_map.a_dendrogram(
            t["features"], pd.read_csv(i.tree[0], keep_default_na=False), p.questions
        ),
        "a_redundancy": lambda: appendix.a_redundancy(t["features"], p.questions),
        "a_robustness": lambda: appendix.a_robustness(t["features"], t["robustness"], p.questions),
        "a_local": lambda: appendix.a_local(t["features"], p.questions),
        "families": lambda: families.families(pd.read_csv(i.by_family), t["features"], p.questions),
        "a_superclasses": lambda: appendix.a_superclasses(
            t["features"], pd.read_csv(i.superclasses[0], dtype=str, keep_default_na=False), p.questions
        ),
        "ground_truth": lambda: known.ground_truth(
            t["features"],
            pd.read_csv(i.truth_errors),
            pd.read_csv(i.truth_swaps),
            p.layers,
            p.shapes["correlation"],
            i.images,
            p.questions,
        ),
    }
    run = Path(i.findings).parent
    for name in p.figures:  # those that this configuration can have
        save(drawings[name](), name, run, p.settings["dpi"])
