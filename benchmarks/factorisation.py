"""Discovery: many small non-negative matrix factorisations, one a class."""

import numpy as np
import sklearn.decomposition
import torch
from overcomplete_import import NMF
from timing import median, side_by_side

from strata.features.factorisation import factorise

CLASSES, IMAGES, UNITS, RANK = 100, 300, 512, 10
OVERCOMPLETE = 2  # classes that overcomplete is timed on; its time is proportional to their number


def activations(seed: int = 0) -> np.ndarray:
    """Make classes × images × units that are low-rank and noisy."""
    rng = np.random.default_rng(seed)
    z = rng.gamma(0.7, 1, (CLASSES, IMAGES, RANK)).astype(np.float32)
    d = rng.gamma(0.5, 1, (CLASSES, RANK, UNITS)).astype(np.float32)
    a = z @ d
    return np.maximum(a + 0.3 * a.std() * rng.standard_normal(a.shape, np.float32), 0)


def compare(runs: int = 5) -> list[dict]:
    """Time all classes by Strata and its peers, and the objectives that they reach, summed over classes."""
    a = activations()
    batch = torch.from_numpy(a)

    def strata():
        u, d = factorise(batch, RANK, seed=0, tolerance=1e-5, max_iterations=2000)
        return (u @ d).numpy()

    def scikit():
        model = sklearn.decomposition.NMF(RANK, init="nndsvda", random_state=0)
        return np.stack([model.fit_transform(c) @ model.components_ for c in a])

    def overcomplete():
        fits = [NMF(RANK, solver="hals").fit(torch.from_numpy(c), max_iter=500) for c in a[:OVERCOMPLETE]]
        return np.stack([(z @ d).detach().numpy() for z, d in fits])

    seconds, results = side_by_side(
        {"Strata": strata, "scikit-learn NMF": scikit, "overcomplete HALS": overcomplete}, runs
    )
    scikit_loss = np.square(a - results["scikit-learn NMF"]).sum((1, 2))
    rows = []
    for name, times in seconds.items():
        count = len(results[name])
        loss = np.square(a[:count] - results[name]).sum()
        rows.append(
            {
                "tool": name + (f" (timed on {count} classes)" if count < CLASSES else ""),
                "seconds": median(times) * CLASSES / count,
                "objective over scikit-learn's": float(loss / scikit_loss[:count].sum() - 1),
            }
        )
    return rows
