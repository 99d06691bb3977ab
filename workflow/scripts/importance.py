"""Measure the importance of the features of every checkpoint of one seed."""

import numpy as np
import pandas as pd

from strata import measurements, store
from strata.errors import one_line

with one_line():
    epochs, i = snakemake.params.epochs, snakemake.input
    by_epoch = [
        measurements.importance_of_checkpoint(features, list(codes), list(activations), i.images).assign(epoch=epoch)
        for epoch, features, codes, activations in zip(
            epochs,
            i.features,
            np.array_split(np.array(i.codes), len(epochs)),
            np.array_split(np.array(i.activations), len(epochs)),
            strict=True,
        )
    ]
    table = pd.concat(by_epoch)[["epoch", "target", "feature", "importance", "signed_importance"]]
    store.write_bytes(snakemake.output[0], table.to_csv(index=False).encode())
