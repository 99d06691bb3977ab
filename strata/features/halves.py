"""Halves of the images of discovery: what is found in both does not hang on which images there happen to be."""

import numpy as np


def rows_of(labels: np.ndarray, half: int, *, crops: int, seed: int, least: int, together: bool) -> np.ndarray:
    """Tell which rows belong to a half: the images of every class are dealt into two at random, with all their crops.

    A class that has too few images in the smaller half has none in either. A class is dealt by itself, so that its
    halves are the same however classes are spread over jobs.

    Parameters
    ----------
    labels
        The rows' classes; the crops of an image stand together.
    half
        Which of the two: 0 or 1.
    crops
        Rows that an image has.
    seed
        Of the dealing.
    least
        Rows that a class must have in either half: the rank of its factorisation.
    together
        Whether the rows of all classes are factorised together, and must have as many together as the ranks add up to.

    Returns
    -------
    ndarray
        True for the rows of this half.
    """
    classes, counts = np.unique(labels, return_counts=True)
    smaller = counts // crops // 2 * crops
    enough = np.full(len(classes), smaller.sum() >= least * len(classes)) if together else smaller >= least
    of_image, dealt = labels[::crops], np.zeros(len(labels) // crops, bool)
    for label in classes[enough]:
        order = np.random.default_rng([seed, label]).permutation(np.flatnonzero(of_image == label))
        dealt[order[half::2]] = True
    return dealt.repeat(crops)
