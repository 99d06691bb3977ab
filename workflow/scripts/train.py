"""Train one network; what a killed run needs to go on is kept beside its checkpoints until it ends."""

import os
import shutil
from pathlib import Path

import torch

from strata import store, training
from strata.errors import one_line

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what makes CUDA's products repeatable

with one_line():
    p = snakemake.params
    torch.set_num_threads(p.training["threads"])  # not snakemake.threads: fewer would change the sums
    torch.use_deterministic_algorithms(True, warn_only=True)
    history = Path(snakemake.output.history)
    state = history.with_name("training-state") / p.digest  # other code starts afresh
    table = training.train(
        snakemake.input,
        p.model,
        p.training,
        p.epochs,
        int(snakemake.wildcards.seed),
        Path(snakemake.output.checkpoints[0]).parent,
        state,
    )
    store.write_bytes(history, table.to_csv(index=False).encode())
    shutil.rmtree(state.parent)
