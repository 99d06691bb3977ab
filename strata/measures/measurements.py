"""Measurements of one network: every scalar that the questions use, one row a feature.

The features of the last checkpoint are the ones that the questions are asked of; features discovered afresh at every
checkpoint tell how the whole population changes. Nulls are populations too: other directions in place of the features,
the features of the untrained network. They have the same tables, as far as they can.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from strata import store, tables
from strata.errors import StrataError
from strata.features.dictionary import read_dictionary
from strata.layers import PENULTIMATE, branches_of, probed_layers
from strata.measures.catalogue import MEASURES
from strata.measures.complexity import (
    complexity,
    decodable_from,
    error_over_folds,
    relative,
    relative_complexity,
    temporal_decoding_score,
    without_each_fold,
)
from strata.measures.sparsity import hoyer
from strata.probes.families import REFERENCE
from strata.probes.results import read_vinfo


@dataclass(frozen=True)
class Files:
    """The files that the tables of a population are made from.

    Attributes
    ----------
    features : dict
        Epoch at which the population is discovered to what it is called there, the last one last.
    dictionary : path
        The dictionary of the last of these.
    passes : dict
        What passes wrote (see `strata.measures.catalogue`), by the names of their tables.
    codes : dict
        Epoch to the codes of the features discovered at it.
    own : dict
        Epoch to the probe results of the features discovered at it, in that checkpoint.
    followed : dict
        Epoch of a trained checkpoint to the probe results of the last features in its penultimate layer.
    branches : list
        Probe results of the last features in the branches of blocks.
    untrained : list
        Probe results of the last features in the untrained network; none of nulls.
    others : list
        Probe results of other codes in place of the last ones; none of nulls.
    controls : dict
        Control to where it is (own, untrained or others) and what it is called there.
    reference : list
        Probe results of the last features under the reference family, where the run's own is another.
    """

    features: dict[int, str]
    dictionary: str
    passes: dict[str, str]
    codes: dict[int, list[str]]
    own: dict[int, list[str]]
    followed: dict[int, list[str]]
    branches: list[str]
    untrained: list[str]
    others: list[str]
    controls: dict[str, list[str]]
    reference: list[str]


def tables_of_population(
    files: Files, seed: int, *, layers: Sequence[str], target: str, family: str = "linear"
) -> dict[str, pd.DataFrame]:
    """Return the tables of one population of features of one network, by name: what claims and figures look at.

    Parameters
    ----------
    files
        What was measured of it.
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
        importance_targets, branch_cka, control_vinfo, code_quality, and what passes hand on (extrapolation,
        robustness); by_family where there is a reference family beside the run's own.

    Raises
    ------
    StrataError
        If importance is asked for a target that the head does not have.
    """
    last, name = list(files.features.items())[-1]
    probed, branches = probed_layers(layers), branches_of(layers)
    passes = {table: tables.read(path) for table, path in files.passes.items()}
    targets = passes["importance"]
    importance = _of_target(targets, target)
    origin = _classes(files.dictionary)
    by_checkpoint = pd.concat(
        _at_checkpoint(files, epoch, layers=layers, importance=importance, classes=origin) for epoch in files.features
    )
    in_last = dict(zip(probed, read_vinfo(files.own[last], probed, features=name), strict=True))
    folds = _errors_of_folds(files, layers, last=last, name=name)
    features = features_of_population(
        seed,
        by_checkpoint[by_checkpoint["epoch"] == last].drop(columns=["epoch", "decodable_from"]),
        vinfo=in_last,
        decoding=_decoding(files, name, "vinfo"),
        epochs=list(files.followed),
        dictionary=files.dictionary,
        others=_other_complexities(files, layers, name),
        by_fold=folds,
    )
    for measure in MEASURES.values():
        if measure.told in passes:
            features = features.merge(passes[measure.told], on="feature")
    found = {
        "features": features,
        "by_checkpoint": by_checkpoint,
        "by_fold": folds,
        "decoding": _long_decoding(files, name),
        "importance_targets": targets[targets["epoch"] == last].drop(columns="epoch"),
        "branch_cka": long_table(_branch_cka(files, branches, name), branches, name="cka"),
        "control_vinfo": _of_controls(files, probed, last),
        "code_quality": _code_quality(files.codes),
        **{
            name: passes.get(name, _NOTHING)
            for measure in MEASURES.values()
            if measure.gathered
            for name in measure.tables[:1]
        },
    }
    if family != REFERENCE:
        families = {family: in_last}
        if files.reference:
            read = read_vinfo(files.reference, probed, features=name)
            families = {REFERENCE: dict(zip(probed, read, strict=True)), **families}
        found["by_family"] = by_family(families, layers)
    # The features have it already, and a table that a pass wrote has none.
    return {
        table: rows if table == "features" else rows.assign(seed=seed)[["seed", *rows]] for table, rows in found.items()
    }


_NOTHING = pd.DataFrame({"feature": pd.Series(dtype=int)})  # of what is not measured of nulls


def _of_target(targets: pd.DataFrame, target: str) -> pd.DataFrame:
    importance = targets[targets["target"] == target]
    if importance.empty:
        raise StrataError(
            "config key questions.importance_target must be predicted or all, because the head tells other classes "
            f"than those of the images; found {target!r}"
        )
    return importance


def _classes(dictionary: str | Path) -> list[str]:
    """Return the class that each feature comes from; "" where it comes from none."""
    found, about = store.read(dictionary, kind="features")
    return [about["classes"][c] if c >= 0 else "" for c in found["origin"]]


def _at_checkpoint(
    files: Files, epoch: int, *, layers: Sequence[str], importance: pd.DataFrame, classes: Sequence[str]
) -> pd.DataFrame:
    """Return one row a feature discovered at an epoch; dictionaries of all epochs have the same classes, row by row."""
    vinfo, ceiling = _own(files, epoch, layers), _own(files, epoch, [PENULTIMATE])[0]
    own = importance[importance["epoch"] == epoch]
    return pd.DataFrame(
        {
            "epoch": epoch,
            "feature": own["feature"].to_numpy(),
            "class": list(classes),
            "complexity": complexity(vinfo),
            "importance": own["importance"].to_numpy(),
            "signed_importance": own["signed_importance"].to_numpy(),
            "decodable_from": decodable_from(vinfo),
            "ceiling": ceiling,
            "relative_complexity": relative_complexity(vinfo, ceiling),
            **code_statistics(files.codes[epoch]),
        }
    )


def _own(files: Files, epoch: int, layers: Sequence[str], name: str = "vinfo") -> np.ndarray:
    """Return a measurement of the features discovered at an epoch, in layers of that checkpoint."""
    return read_vinfo(files.own[epoch], layers, features=files.features[epoch], name=name)


def _decoding(files: Files, features: str, name: str) -> np.ndarray:
    """Return a measurement of the last features in the penultimate layer of every trained checkpoint."""
    found = [read_vinfo(paths, [PENULTIMATE], features=features, name=name) for paths in files.followed.values()]
    return np.concatenate(found)


def _long_decoding(files: Files, features: str) -> pd.DataFrame:
    return pd.concat(
        pd.DataFrame({"epoch": epoch, "feature": np.arange(len(values)), "vinfo": values})
        for epoch, values in zip(files.followed, _decoding(files, features, "vinfo"), strict=True)
    )


def _errors_of_folds(files: Files, layers: Sequence[str], *, last: int, name: str) -> pd.DataFrame:
    """Return the features' scalars without each fold of images: fold, feature, complexity and what else images tell."""
    by_layer = without_each_fold(*(_own(files, last, layers, kind) for kind in ("sse", "sst")))
    ceiling = without_each_fold(*(_own(files, last, [PENULTIMATE], kind) for kind in ("sse", "sst")))[0]
    by_epoch = without_each_fold(*(_decoding(files, name, kind) for kind in ("sse", "sst")))
    epochs = list(files.followed)
    parts = []
    for fold in range(by_layer.shape[1]):
        columns = {
            "fold": fold,
            "feature": np.arange(by_layer.shape[2]),
            "complexity": complexity(by_layer[:, fold]),
            "ceiling": ceiling[fold],
            "relative_complexity": relative_complexity(by_layer[:, fold], ceiling[fold]),
        }
        if len(epochs) > 1:
            columns |= _decoding_scores(by_epoch[:, fold], epochs, ceiling[fold])
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts)


def _decoding_scores(vinfo: np.ndarray, epochs: Sequence[int], ceiling: np.ndarray) -> dict[str, np.ndarray]:
    """Return the temporal decoding score, also with V-information divided by the ceiling."""
    return {
        "temporal_decoding_score": temporal_decoding_score(vinfo, epochs),
        "relative_decoding_score": temporal_decoding_score(relative(vinfo, ceiling), epochs),
    }


def _other_complexities(files: Files, layers: Sequence[str], name: str) -> dict[str, np.ndarray]:
    """Return the complexity of the same codes in the untrained network, and of projections in place of codes."""
    if not files.untrained:
        return {}
    return {
        "complexity_untrained": complexity(read_vinfo(files.untrained, layers, features=name)),
        "complexity_linear": complexity(read_vinfo(files.others, layers, features="projections")),
    }


def _branch_cka(files: Files, branches: Sequence[str], name: str) -> np.ndarray:
    return read_vinfo(files.branches, branches, features=name, name="cka") if branches else np.empty((0, 0))


def _of_controls(files: Files, probed: Sequence[str], last: int) -> pd.DataFrame:
    """Return the V-information of every control in every layer."""
    places = {"own": files.own[last], "untrained": files.untrained, "others": files.others}
    empty = long_table(np.empty((0, 0)), [], name="vinfo").assign(control="")
    return pd.concat(
        [
            empty,
            *(
                long_table(read_vinfo(places[place], probed, features=name), probed, name="vinfo", control=control)
                for control, (place, name) in files.controls.items()
            ),
        ]
    )[["control", "layer", "feature", "vinfo"]]


def code_statistics(codes: Sequence[str | Path]) -> dict[str, np.ndarray]:
    """Return how often features fire, the mean and the skewness of their codes, over all images of some shards."""
    parts = []
    images = 0
    for path in codes:
        with store.Shard(path, kind="codes") as shard:
            parts.append(shard.read("sums"))
            images += shard.shape("codes")[0]
    fired, first, second, third = np.sum(parts, axis=0) / images
    variance = second - first**2
    with np.errstate(invalid="ignore", divide="ignore"):
        skewness = (third - 3 * first * variance - first**3) / variance**1.5
    constant = variance <= 1e-12 * second
    return {"firing_rate": fired, "mean_code": first, "code_skewness": np.where(constant, np.nan, skewness)}


def _code_quality(codes: dict[int, list[str]]) -> pd.DataFrame:
    """Return one row an epoch and shard: how well codes reconstruct the activations."""
    return pd.DataFrame(
        {"epoch": epoch, "shard": Path(path).stem, **quality_of_codes(path)}
        for epoch, paths in codes.items()
        for path in paths
    )


def features_of_population(
    seed: int,
    own: pd.DataFrame,
    *,
    vinfo: dict[str, np.ndarray],
    decoding: np.ndarray,
    epochs: Sequence[int],
    dictionary: str | Path,
    others: dict[str, np.ndarray],
    by_fold: pd.DataFrame,
) -> pd.DataFrame:
    """Return one row a feature with every scalar that the questions use.

    Parameters
    ----------
    seed
        Of the network.
    own
        What is told of features at every checkpoint: feature, class, complexity, importance, ….
    vinfo
        Probed layer to the V-information of all features in it, at the last checkpoint.
    decoding, epochs
        V-information in the penultimate layer of every trained checkpoint (epochs × features), and which these are;
        one alone tells nothing of time.
    dictionary
        The shard of the features.
    others
        Other columns.
    by_fold
        Complexities without each fold, which tell their standard errors over images.
    """
    ceiling = own["ceiling"].to_numpy()
    table = own.assign(
        seed=seed,
        hoyer=hoyer(read_dictionary(dictionary)[0]["dictionary"]),
        **(_decoding_scores(decoding, epochs, ceiling) if len(epochs) > 1 else {}),
        **others,
        **{
            f"{name}_error": error_over_folds(by_fold.pivot(index="fold", columns="feature", values=name).to_numpy())
            for name in by_fold.columns.drop(["fold", "feature", "ceiling"])
        },
        **{f"vinfo_{layer}": values for layer, values in vinfo.items()},
    )
    first = ["seed", "feature", "class", "complexity", "temporal_decoding_score", "importance", "signed_importance"]
    first = [column for column in first if column in table]
    return table[[*first, *table.columns.difference(first, sort=False)]]


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
    """Return how well a shard's codes reconstruct: r2, share of zeros, images unsolved and ambiguous."""
    with store.Shard(path, kind="codes") as shard:
        return {name: shard.attributes[name] for name in ("r2", "zeros", "unsolved", "ambiguous")}
