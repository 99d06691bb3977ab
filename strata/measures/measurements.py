"""Measurements of one seed: every scalar that the questions use, one row a feature.

The features of the last checkpoint are the ones that the questions are asked of; features discovered afresh at every
checkpoint tell how the whole population changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from strata import store, tables
from strata.errors import StrataError
from strata.layers import PENULTIMATE, branches_of, probed_layers
from strata.measures.catalogue import MEASURES
from strata.measures.complexity import complexity, decodable_from, temporal_decoding_score, without_each_fold
from strata.measures.sparsity import hoyer
from strata.probes.families import REFERENCE
from strata.probes.results import read_vinfo


@dataclass(frozen=True)
class Files:
    """The files of one seed that its tables are made from.

    Attributes
    ----------
    dictionary : path
        The dictionary of the last checkpoint.
    passes : dict
        What passes wrote (see `strata.measures.catalogue`), by the names of their tables.
    codes : dict
        Epoch to the codes of the features discovered at it.
    last_in_all : dict
        Epoch to the probe results of the last features in that checkpoint.
    afresh : dict
        Epoch to the probe results of the features discovered at it.
    branches : list
        Probe results of the last features in the branches of blocks.
    controls : dict
        Control to its probe results.
    reference : list
        Probe results of the last features under the reference family, where the run's own is another.
    """

    dictionary: str
    passes: dict[str, str]
    codes: dict[int, list[str]]
    last_in_all: dict[int, list[str]]
    afresh: dict[int, list[str]]
    branches: list[str]
    controls: dict[str, list[str]]
    reference: list[str]


def tables_of_seed(
    files: Files, seed: int, *, layers: Sequence[str], target: str, family: str = "linear"
) -> dict[str, pd.DataFrame]:
    """Return the tables of one seed, by name: what claims and figures look at.

    Parameters
    ----------
    files
        What was measured of this seed.
    seed
        Of the network; the first column of every table.
    layers
        Those that complexity is the mean over.
    target
        Whose logit importance explains: predicted, label or all.
    family
        The predictive family of the probe results.

    Returns
    -------
    dict
        features (one row a feature of the last checkpoint), by_checkpoint (features discovered afresh at every epoch),
        by_fold (without each held-out fold of images), decoding (V-information in the penultimate layer, by epoch),
        importance_targets, branch_cka, control_vinfo, code_quality, and what passes hand on (robustness); by_family
        where there is a reference family beside the run's own.

    Raises
    ------
    StrataError
        If importance is asked for a target that the head does not have.
    """
    epochs = list(files.last_in_all)
    last, trained = epochs[-1], [epoch for epoch in epochs if epoch > 0]
    probed, branches = probed_layers(layers), branches_of(layers)
    passes = {name: tables.read(path) for name, path in files.passes.items()}
    targets = passes["importance"]
    importance = _of_target(targets, target)
    in_last = dict(zip(probed, read_vinfo(files.last_in_all[last], probed), strict=True))

    def of_penultimate(name: str) -> np.ndarray:
        """Return a measurement of the last features in the penultimate layer of every trained checkpoint."""
        return np.concatenate([read_vinfo(files.last_in_all[epoch], [PENULTIMATE], name=name) for epoch in trained])

    decoding = of_penultimate("vinfo")
    afresh = {epoch: read_vinfo(paths, layers) for epoch, paths in files.afresh.items()}
    features = features_of_seed(
        seed,
        files.dictionary,
        importances=importance[importance["epoch"] == last],
        vinfo=in_last,
        layers=layers,
        decoding=decoding if len(trained) > 1 else None,
    )
    for measure in MEASURES.values():
        if measure.scalars:
            features = features.merge(measure.scalars_of(passes[measure.tables[0]]), on="feature")
    found = {
        "features": features,
        "by_checkpoint": _by_checkpoint(importance, afresh),
        "by_fold": _by_fold(
            without_each_fold(*(read_vinfo(files.last_in_all[last], layers, name=name) for name in ("sse", "sst"))),
            without_each_fold(*map(of_penultimate, ("sse", "sst"))) if len(trained) > 1 else None,
        ),
        "decoding": pd.concat(
            pd.DataFrame({"epoch": epoch, "feature": np.arange(len(values)), "vinfo": values})
            for epoch, values in zip(trained, decoding, strict=True)
        ),
        "importance_targets": targets[targets["epoch"] == last].drop(columns="epoch"),
        "branch_cka": long_table(
            read_vinfo(files.branches, branches, name="cka") if branches else np.empty((0, 0)), branches, name="cka"
        ),
        "control_vinfo": pd.concat(
            long_table(read_vinfo(paths, probed), probed, name="vinfo", control=control)
            for control, paths in files.controls.items()
        ),
        "code_quality": _code_quality(files.codes),
        **{measure.tables[0]: passes[measure.tables[0]] for measure in MEASURES.values() if measure.gathered},
    }
    if files.reference:
        reference = dict(zip(probed, read_vinfo(files.reference, probed), strict=True))
        found["by_family"] = by_family({REFERENCE: reference, family: in_last}, layers)
    # The features have it already, and a table that a pass wrote has none.
    return {
        name: table if name == "features" else table.assign(seed=seed)[["seed", *table]]
        for name, table in found.items()
    }


def _of_target(targets: pd.DataFrame, target: str) -> pd.DataFrame:
    importance = targets[targets["target"] == target]
    if importance.empty:
        raise StrataError(
            "config key questions.importance_target must be predicted or all, because the head tells other classes "
            f"than those of the images; found {target!r}"
        )
    return importance


def _by_checkpoint(importance: pd.DataFrame, vinfo: dict[int, np.ndarray]) -> pd.DataFrame:
    """Return one row an epoch and feature discovered at it."""
    parts = (
        importance[importance["epoch"] == epoch].assign(
            complexity=complexity(values), decodable_from=decodable_from(values)
        )
        for epoch, values in vinfo.items()
    )
    columns = ["epoch", "feature", "complexity", "importance", "signed_importance", "decodable_from"]
    return pd.concat(parts)[columns]


def _by_fold(by_layer: np.ndarray, by_epoch: np.ndarray | None) -> pd.DataFrame:
    """Return the features' scalars without each fold of images, from layers (or epochs) × folds × features."""
    parts = []
    for fold in range(by_layer.shape[1]):
        columns = {"fold": fold, "feature": np.arange(by_layer.shape[2]), "complexity": complexity(by_layer[:, fold])}
        if by_epoch is not None:
            columns["temporal_decoding_score"] = temporal_decoding_score(by_epoch[:, fold])
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts)


def _code_quality(codes: dict[int, list[str]]) -> pd.DataFrame:
    """Return one row an epoch and shard: how well codes reconstruct the activations."""
    return pd.DataFrame(
        {"epoch": epoch, "shard": Path(path).stem, **quality_of_codes(path)}
        for epoch, paths in codes.items()
        for path in paths
    )


def features_of_seed(
    seed: int,
    dictionary: str | Path,
    *,
    importances: pd.DataFrame,
    vinfo: dict[str, np.ndarray],
    layers: Sequence[str],
    decoding: np.ndarray | None,
) -> pd.DataFrame:
    """Return one row a feature with every scalar that the questions use.

    Parameters
    ----------
    seed
        Of the network.
    dictionary
        The shard of the last features.
    importances
        One row a feature: importance, signed_importance.
    vinfo
        Probed layer to the V-information of all features in it, at the last checkpoint.
    layers
        Those of them that complexity is the mean over.
    decoding
        V-information in the penultimate layer of every trained checkpoint, epochs × features; None where there is one
        alone, which tells nothing of time.
    """
    found, about = store.read(dictionary, kind="features")
    table = pd.DataFrame(
        {
            "seed": seed,
            "feature": importances["feature"].to_numpy(),
            "class": [about["classes"][c] if c >= 0 else "" for c in found["origin"]],  # -1: of no class
            "complexity": complexity(np.stack([vinfo[layer] for layer in layers])),
            **({} if decoding is None else {"temporal_decoding_score": temporal_decoding_score(decoding)}),
            "importance": importances["importance"].to_numpy(),
            "signed_importance": importances["signed_importance"].to_numpy(),
            "hoyer": hoyer(found["dictionary"]),
        }
    )
    return table.assign(**{f"vinfo_{layer}": values for layer, values in vinfo.items()})


def long_table(values: np.ndarray, layers: Sequence[str], *, name: str, **constants: Any) -> pd.DataFrame:
    """Return a measurement (layers × features) as a table with the columns layer, feature and `name`.

    Parameters
    ----------
    values
        Layers × features.
    layers
        Their names, in the same order.
    name
        What is measured.
    **constants
        Columns of one value, such as control.
    """
    count = values.shape[1]
    return pd.DataFrame(
        {
            **constants,
            "layer": np.repeat(list(layers), count),
            "feature": np.tile(np.arange(count), len(layers)),
            name: values.ravel(),
        }
    )


def by_family(vinfo: dict[str, dict[str, np.ndarray]], layers: Sequence[str], **constants: Any) -> pd.DataFrame:
    """Return one row a feature and predictive family: complexity, and V-information in every probed layer.

    Parameters
    ----------
    vinfo
        Family to probed layer to the V-information of all features in it.
    layers
        Those of them that complexity is the mean over.
    **constants
        Columns of one value, such as seed.
    """
    return pd.concat(
        pd.DataFrame(
            {
                **constants,
                "family": family,
                "feature": np.arange(len(found[layers[0]])),
                "complexity": complexity(np.stack([found[layer] for layer in layers])),
                **{f"vinfo_{layer}": values for layer, values in found.items()},
            }
        )
        for family, found in vinfo.items()
    )


def quality_of_codes(path: str | Path) -> dict[str, float]:
    """Return how well a shard's codes reconstruct its activations: r2, share of zeros, unsolved images."""
    with store.Shard(path, kind="codes") as shard:
        return {name: shard.attributes[name] for name in ("r2", "zeros", "unsolved")}
