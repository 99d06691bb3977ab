"""Codes: non-negative least squares of many rows against one dictionary."""

import numpy as np
import torch
from overcomplete_import import NMF
from scipy.optimize import nnls
from sklearn.decomposition import non_negative_factorization
from timing import median, side_by_side

from strata.codes import encode

IMAGES, UNITS = 2_000, 512
SCIPY_ROWS = 20  # rows that scipy is timed on; its time is proportional to their number


def activations(features: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Make sparse codes of a random non-negative dictionary, with noise: about 30 features an image are active."""
    rng = np.random.default_rng(seed)
    dictionary = rng.gamma(0.5, 1, (features, UNITS))
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    z = rng.gamma(1, 1, (IMAGES, features)) * (rng.random((IMAGES, features)) < 30 / features)
    a = z @ dictionary
    return np.maximum(a + 0.3 * a.std() * rng.standard_normal(a.shape), 0), dictionary


def compare(features: int, images: int = IMAGES, runs: int = 5) -> list[dict]:
    """Time Strata and its peers on the same rows, and the objectives that they reach.

    Returns
    -------
    list of dict
        tool, seconds (for all images), and the objective ‖A − Z D‖²/‖A‖², relative to scipy's on the rows it solved.
    """
    a, d = activations(features)
    a = a[:images]
    ta, td = torch.from_numpy(a), torch.from_numpy(d)

    def objective(z):
        z = np.asarray(z, np.float64)[:SCIPY_ROWS]
        rest = a[: len(z)] - z @ d
        return np.square(rest).sum() / np.square(a[: len(z)]).sum()

    def overcomplete(solver, iterations):
        model = NMF(features, solver=solver)
        model.register_buffer("D", td.float())
        model._set_fitted()
        return model.encode(ta.float(), max_iter=iterations).detach().numpy()

    # With ten thousand features, one iteration of HALS takes seconds and all have the same cost: few are timed.
    hals = 300 if features <= 1000 else 3
    work = {
        "Strata": lambda: encode(ta, td, 1e-6, 200).z.numpy(),
        "scipy nnls": lambda: np.stack([nnls(d.T, row)[0] for row in a[:SCIPY_ROWS]]),
        "overcomplete HALS": lambda: overcomplete("hals", hals),
        "overcomplete MU": lambda: overcomplete("mu", 300),
        "scikit-learn non_negative_factorization": lambda: non_negative_factorization(
            a, n_components=features, H=d, update_H=False, init=None, max_iter=300
        )[0],
    }
    seconds, results = side_by_side(work, runs)
    best = objective(results["scipy nnls"])
    rows = []
    for name, times in seconds.items():
        row = {"tool": name, "seconds": median(times)}
        if name == "scipy nnls":
            row = {"tool": f"{name} (timed on {SCIPY_ROWS} rows)", "seconds": median(times) * images / SCIPY_ROWS}
        if name == "overcomplete HALS" and hals < 300:
            rows.append({"tool": f"{name} (timed on {hals} of 300 iterations)", "seconds": median(times) * 300 / hals})
            continue
        reached = objective(results[name])
        rows.append({**row, "objective": reached, "objective over scipy's": reached / best - 1})
    return rows
