"""Measure the robustness of one seed's last features."""

import torch

from strata import robustness, store
from strata.errors import one_line

with one_line():
    p = snakemake.params
    torch.set_num_threads(snakemake.threads)
    table = robustness.robustness_of_checkpoint(
        snakemake.input.images,
        snakemake.input.features,
        snakemake.input.checkpoint,
        p.model,
        p.noise,
        p.noise_images,
        p.seed,
        p.encoding,
        p.caching,
    )
    store.write_bytes(snakemake.output[0], table.to_csv(index=False).encode())
