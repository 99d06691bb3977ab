"""Probe features of several kinds in some layers, under one predictive family."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from strata import store
from strata.config.keys import Section
from strata.probes.families import FAMILIES
from strata.progress import progress


def probe_layers(
    layers: Mapping[str, Sequence[str | Path]],
    codes: Mapping[str, Sequence[str | Path]],
    *,
    family: str = "linear",
    sample: str = "stratified",
    origins: Mapping[str, str | Path] | None = None,
    output: str | Path,
    **settings: Any,
) -> None:
    """Measure all features in some layers of a checkpoint, and write a shard of results.

    Parameters
    ----------
    layers
        Layer to its activation shards, in the order of `codes`.
    codes
        Features to their code shards.
    family
        Name of a predictive family (`strata.probes.families`).
    sample
        stratified: images as they are; enriched: weighted for every feature (see `strata.probes.enriched`).
    origins
        Of an enriched sample, features to the dictionary that tells which class each comes from.
    output
        Shard with, for all features and every layer, `<features>/<layer>/vinfo`, `…/cka` (K), `…/sse`, `…/sst`
        (folds × K), and what else the family tells.
    **settings
        folds, seed, memory_mb, studied, and the family's own; of an enriched sample, images and class_share.

    Raises
    ------
    StrataError
        If a shard is damaged, of another layer, or of other images than the codes; if folds are too small, or the
        memory is too little.
    """
    arrays, probes, own = {}, FAMILIES[family].of(sample), FAMILIES[family].settings
    origin = {
        name: {"origin": store.read(path, kind="features")[0]["origin"]} for name, path in (origins or {}).items()
    }
    about: dict[str, Any] = {
        "features": {name: _made_by(shards, "features") for name, shards in codes.items()},
        "checkpoint": _made_by([shard for shards in layers.values() for shard in shards], "checkpoint"),
    }
    asked = [(layer, features) for layer in layers for features in codes]
    for layer, features in progress(asked, "probing layers", total=len(asked)):
        found = probes.measure(layers[layer], codes[features], layer=layer, **origin.get(features, {}), **settings)
        for name, values in found.items():
            arrays[f"{features}/{layer}/{name}"] = values.cpu().numpy()
    told = {key: _plain(settings[key]) for key in (*own, *(["class_share"] if sample == "enriched" else []))}
    about |= {"family": family, "sample": sample, "settings": told}
    store.write(output, arrays, kind="vinfo", layers=list(layers), **about)


def _plain(value: Any) -> Any:
    """Return what JSON can hold of a setting."""
    return value.model_dump() if isinstance(value, Section) else value


def _made_by(shards: Sequence[str | Path], what: str) -> str:
    """Return the checkpoint or features that all shards come from."""
    with store.Shard(shards[0]) as first:
        expected = first.attributes[what]
    for path in shards[1:]:
        with store.Shard(path, **{what: expected}):
            pass
    return expected
