"""The complexity of the features of any activations, without Snakemake: `python examples/library.py`."""

import numpy as np
import torch
from sklearn.datasets import load_digits

from strata.features.class_features import discover
from strata.features.codes import encode
from strata.measures.complexity import complexity
from strata.probes.moments import Moments
from strata.probes.ridge import v_information

# Activations of your own: one array a layer, images × units, first to last.
pixels, labels = load_digits(return_X_y=True)
rng = np.random.default_rng(0)
middle = np.maximum(pixels @ rng.standard_normal((64, 128)), 0)
layers = [pixels, middle, np.maximum(middle @ rng.standard_normal((128, 96)), 0)]

dictionary, _ = discover(layers[-1], labels, classes=[str(i) for i in range(10)], per_class=5)
z = encode(torch.from_numpy(layers[-1]), torch.from_numpy(dictionary)).z
fold, penalties = torch.arange(len(z)) % 5, [1e-3, 1e-1, 1e1, 1e3]
moments = [Moments.of(torch.from_numpy(x), z, fold=fold, folds=5) for x in layers]
vinfo = np.stack([v_information(m.centred(), penalties).value for m in moments])
print("complexity of the features, simple to complex:", np.sort(complexity(vinfo)).round(2))
