"""Codes: non-negative least squares of many rows against one dictionary."""

import warnings
from functools import partial

import numpy as np
import torch
from overcomplete_import import NMF
from scipy.optimize import nnls
from sklearn.decomposition import non_negative_factorization
from sklearn.exceptions import ConvergenceWarning
from timing import median, side_by_side

from strata.features.codes import encode

UNITS = 512
ITERATIONS = 300  # of peers that iterate
SCIPY_ROWS = 20  # rows that scipy is timed on; its time is proportional to their number


def activations(features: int, images: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Make sparse codes of a random non-negative dictionary, with noise: about 30 features an image are active."""
    rng = np.random.default_rng(seed)
    dictionary = rng.gamma(0.5, 1, (features, UNITS))
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    z = rng.gamma(1, 1, (images, features)) * (rng.random((images, features)) < 30 / features)
    a = z @ dictionary
    return np.maximum(a + 0.3 * a.std() * rng.standard_normal(a.shape), 0), dictionary


def compare(features: int, images: int, iterations: int, runs: int = 5) -> list[dict]:
    """Time Strata and its peers on the same rows, and the objectives that they reach.

    Parameters
    ----------
    features, images
        How many.
    iterations
        How many of their 300 iterations peers that iterate are timed on; all of them cost the same.
    runs
        Of each, of which the median is told.

    Returns
    -------
    list of dict
        tool, seconds (for all images and iterations), and the objective ‖A − Z D‖²/‖A‖² on some rows, relative to
        scipy's; of peers, after all their iterations on these rows alone.
    """
    a, d = activations(features, images)
    few = a[:SCIPY_ROWS]

    def overcomplete(solver, rows, count):
        model = NMF(features, solver=solver)
        model.register_buffer("D", torch.from_numpy(d).float())
        model._set_fitted()
        return model.encode(torch.from_numpy(rows).float(), max_iter=count).detach().numpy()

    def sklearn(rows, count):
        options = {"n_components": features, "update_H": False, "init": None, "max_iter": count}
        return non_negative_factorization(rows, H=d, **options)[0]

    peers = {
        "overcomplete HALS": partial(overcomplete, "hals"),
        "overcomplete MU": partial(overcomplete, "mu"),
        "scikit-learn non_negative_factorization": sklearn,
    }
    work = {
        "Strata": lambda: encode(torch.from_numpy(a), torch.from_numpy(d)).z.numpy(),
        "scipy nnls": lambda: np.stack([nnls(d.T, row)[0] for row in few]),
        **{name: partial(peer, a, iterations) for name, peer in peers.items()},
    }
    warnings.simplefilter("ignore", ConvergenceWarning)  # of scikit-learn, when it is stopped on purpose
    seconds, results = side_by_side(work, runs)
    solved = {"Strata": results["Strata"][:SCIPY_ROWS], "scipy nnls": results["scipy nnls"]}
    if features <= 1000:  # with more, 300 iterations of HALS take minutes on the fewest rows
        solved |= {name: peer(few, ITERATIONS) for name, peer in peers.items()}
    reached = {name: np.square(few - z @ d).sum() / np.square(few).sum() for name, z in solved.items()}
    rows = []
    for name, times in seconds.items():
        scale, told = 1.0, ""
        if name == "scipy nnls":
            scale, told = len(a) / SCIPY_ROWS, f" (timed on {SCIPY_ROWS} rows)"
        elif name in peers:
            scale, told = ITERATIONS / iterations, f" (timed on {iterations} of {ITERATIONS} iterations)"
        row = {"tool": f"{name}{told}", "seconds": median(times) * scale}
        if name in reached:
            row |= {"objective": reached[name], "objective over scipy's": reached[name] / reached["scipy nnls"] - 1}
        rows.append(row)
    return rows
