"""Measure what accuracy is left when features are removed."""

import pandas as pd

from strata import measurements, store
from strata.errors import one_line

DRAWS = 10  # random orders of removal

with one_line():
    p, i = snakemake.params, snakemake.input
    features = pd.read_csv(i.table)
    size = len(i.codes) // len(p.seeds)
    by_seed = [
        measurements.support_of_seed(
            features[features["seed"] == seed],
            i.features[row],
            i.codes[row * size : (row + 1) * size],
            i.images,
            DRAWS,
            p.seed,
        ).assign(seed=seed)
        for row, seed in enumerate(p.seeds)
    ]
    table = pd.concat(by_seed)[["seed", "order", "draw", "share_kept", "accuracy", "n"]]
    store.write_bytes(snakemake.output[0], table.to_csv(index=False).encode())
