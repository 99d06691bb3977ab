"""Gather the errors of the probes of the true factors, and the swaps, of all seeds and epochs."""

from pathlib import Path

import pandas as pd

from strata import layers as names
from strata import store, truth
from strata.errors import one_line

with one_line():
    p, i, o = snakemake.params, snakemake.input, snakemake.output
    seed_of = {f: seed for f in (*i.swaps, *i.vinfo) for seed in p.seeds if f"seed-{seed}" in Path(f).parts}
    images = sum(len(store.read(f, kind="codes")[0]["codes"]) for f in i.codes)
    errors = [
        truth.errors_of_folds(
            [f for f in i.vinfo if seed_of[f] == seed and Path(f).parents[1].name == f"epoch-{epoch:03d}"],
            names.probed_layers(p.layers),
        ).assign(seed=seed, epoch=epoch, images=images)
        for seed in p.seeds
        for epoch in p.epochs
    ]
    swaps = [pd.read_csv(f).assign(seed=seed_of[f]) for f in i.swaps]
    store.write_bytes(o.truth_errors, pd.concat(errors).to_csv(index=False).encode())
    store.write_bytes(o.truth_swaps, pd.concat(swaps).to_csv(index=False).encode())
