"""Measure the redundancy of one seed's last features."""

import torch

from strata import redundancy, store
from strata.errors import one_line

with one_line():
    p = snakemake.params
    torch.set_num_threads(snakemake.threads)
    table = redundancy.redundancy_of_features(
        snakemake.input.activations,
        snakemake.input.codes,
        p.folds,
        p.penalties,
        p.seed,
        p.memory_mb,
        p.share,
        p.subsets,
        p.subset_seed,
    )
    store.write_bytes(snakemake.output[0], table.to_csv(index=False).encode())
