"""Train perceptrons on some layers of a checkpoint for some features."""

import numpy as np
import torch

from strata import perceptron
from strata.errors import one_line

with one_line():
    p = snakemake.params
    torch.set_num_threads(snakemake.threads)
    by_layer = np.array_split(np.array(snakemake.input.activations), len(p.layers))
    perceptron.probe_layers(
        {layer: list(paths) for layer, paths in zip(p.layers, by_layer, strict=True)},
        snakemake.input.codes,
        p.folds,
        p.mlp,
        p.seed,
        p.memory_mb,
        snakemake.output[0],
    )
