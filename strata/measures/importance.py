"""Importance Γ: how much of the network's answer rests on every feature (Fel et al. 2024)."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from strata import store
from strata.errors import StrataError
from strata.features.dictionary import read_dictionary

if TYPE_CHECKING:
    from strata.scale import Scale


def importance(codes: np.ndarray, gradients: np.ndarray, *, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum gradient × input of every feature over images (the paper's Γ, times the number of images).

    The head is linear, y = z D Wᵀ + b, so that ∂y_c/∂z_i = (D Wᵀ)_ic.

    Parameters
    ----------
    codes
        Z, images × features.
    gradients
        D Wᵀ, features × classes.
    classes
        The class whose logit is explained, for every image.

    Returns
    -------
    absolute, signed : ndarray
        Σ `|z_i ∂y/∂z_i|` and Σ z_i ∂y/∂z_i, one entry a feature.
    """
    contributions = codes * gradients.T[classes]
    return np.abs(contributions).sum(0), contributions.sum(0)


def importance_of_checkpoint(
    dictionary: str | Path,
    codes: Sequence[str | Path],
    *,
    images: Sequence[str | Path],
    studied: str = "all",
) -> dict[str, pd.DataFrame]:
    """Return Γ of every feature, averaged over the studied images, for each class that it can be asked of.

    Parameters
    ----------
    dictionary
        The shard of the dictionary.
    codes, images
        Shards of its codes and of images, in the same order.
    studied
        all images, or test: those alone that training never saw.

    Returns
    -------
    dict
        The table `importance`, one row a target and feature: target (whose logit y is: predicted, label or all),
        feature, importance (mean of `|z ∂y/∂z|`), signed_importance (mean of z ∂y/∂z). For all classes, both are also
        means over the classes.

    Raises
    ------
    StrataError
        If shards do not belong together, or no image is studied.
    """
    found, about = read_dictionary(dictionary)
    own = store.digest(found["dictionary"].tobytes())
    gradients = found["dictionary"] @ found["head_weight"].T
    sums = {target: np.zeros((2, len(gradients))) for target in ("predicted", "label", "all")}
    if tells_other_classes(found, about):
        del sums["label"]
    count = 0
    for code_shard, image_shard in zip(codes, images, strict=True):
        with store.Shard(code_shard, kind="codes", features=own) as shard:
            z, predicted, of = shard.read("codes"), shard.read("predicted"), shard.attributes["images"]
        with store.Shard(image_shard, kind="images", images=of) as shard:
            labels, train = shard.read("labels"), shard.read("train")
        if studied == "test":
            z, predicted, labels = z[~train], predicted[~train], labels[~train]
        sums["predicted"] += importance(z, gradients, classes=predicted)
        if "label" in sums:
            sums["label"] += importance(z, gradients, classes=labels)
        sums["all"] += z.sum(0) * np.stack([np.abs(gradients).mean(1), gradients.mean(1)])
        count += len(z)
    if not count:
        raise StrataError("config key questions.images must be all, because training saw all of the studied images")
    table = pd.concat(
        pd.DataFrame(
            {
                "target": target,
                "feature": np.arange(len(gradients)),
                "importance": absolute / count,
                "signed_importance": signed / count,
            }
        )
        for target, (absolute, signed) in sums.items()
    )
    return {"importance": table}


def tells_other_classes(found: dict[str, np.ndarray], about: dict[str, Any]) -> bool:
    """Whether the head in a shard of features has other classes than the images, so that labels are none of its.

    Parameters
    ----------
    found
        The arrays of the shard, by name.
    about
        Its attributes.
    """
    return len(found["head_weight"]) != len(about["classes"])


def most_important(table: pd.DataFrame, share: float) -> pd.DataFrame:
    """Return the rows of the most important features: a share of them, but at least 5.

    Parameters
    ----------
    table
        One row a feature: importance.
    share
        Of the features, up to 1.
    """
    return table.nlargest(max(5, int(np.ceil(share * len(table)))), "importance")


def cost(scale: "Scale", studied: str) -> tuple[float, float]:
    """Return seconds and bytes of memory, for one seed: codes of all checkpoints are read.

    Parameters
    ----------
    scale
        How large the run is.
    studied
        Of no matter, since all images are read.
    """
    codes = 4 * scale.feature_count
    return scale.checkpoints * scale.images * codes / scale.rates["disk"], 4 * scale.per_shard * codes
