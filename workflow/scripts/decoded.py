"""Decode three features of one seed from an early, a middle and the last block."""

import numpy as np
import pandas as pd
import torch

from strata import decoding
from strata.errors import one_line

with one_line():
    p = snakemake.params
    torch.set_num_threads(snakemake.threads)
    features = pd.read_csv(snakemake.input.features)
    by_layer = np.array_split(np.array(snakemake.input.activations), len(p.layers))
    decoding.decode_examples(
        {layer: list(paths) for layer, paths in zip(p.layers, by_layer, strict=True)},
        snakemake.input.codes,
        features[features["seed"] == int(snakemake.wildcards.seed)],
        p.folds,
        p.penalties,
        p.seed,
        snakemake.output[0],
    )
