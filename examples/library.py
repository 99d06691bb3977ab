"""The complexity of the features of any activations, without Snakemake: `python examples/library.py`."""

import numpy as np
import torch
from sklearn.datasets import load_digits

from strata.codes import encode
from strata.features import discover
from strata.measurements import complexity
from strata.probes import Moments, v_information

pixels, labels = load_digits(
    return_X_y=True
)  # activations of your own: one array a layer, images × units, first to last
rng = np.random.default_rng(0)
middle = np.maximum(pixels @ rng.standard_normal((64, 128)), 0)
layers = [pixels, middle, np.maximum(middle @ rng.standard_normal((128, 96)), 0)]

dictionary, _ = discover(layers[-1], labels, [str(i) for i in range(10)], "nmf", 5, 0, 1e-5, 2000)
z = encode(torch.from_numpy(layers[-1]), torch.from_numpy(dictionary), 1e-6, 200).z
fold, penalties = torch.arange(len(z)) % 5, [1e-3, 1e-1, 1e1, 1e3]
moments = [Moments.of(torch.from_numpy(x), z, fold, 5) for x in layers]
vinfo = np.stack([v_information(m.centred(), penalties).value for m in moments])
print("complexity of the features, simple to complex:", np.sort(complexity(vinfo)).round(2))
