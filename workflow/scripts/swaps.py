"""Swap the true factors of the test images, and see what every checkpoint of one seed makes of it."""

import torch

from strata import store, swaps
from strata.errors import one_line

with one_line():
    p = snakemake.params
    torch.set_num_threads(snakemake.threads)
    checkpoints = dict(zip(p.epochs, snakemake.input.checkpoints, strict=True))
    table = swaps.swap(snakemake.input.images, checkpoints, p.model, p.size, p.seed)
    store.write_bytes(snakemake.output[0], table.to_csv(index=False, float_format="%.6g").encode())
