"""Probe the features of some layers, under one predictive family."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from strata import store
from strata.config.keys import Section
from strata.probes.families import FAMILIES
from strata.progress import progress


def probe_layers(
    layers: Mapping[str, Sequence[str | Path]],
    codes: Sequence[str | Path],
    *,
    family: str = "linear",
    output: str | Path,
    **settings: Any,
) -> None:
    """Measure all features in some layers of a checkpoint, and write a shard of results.

    Parameters
    ----------
    layers
        Layer to its activation shards, in the order of `codes`.
    codes
        Shards.
    family
        Name of a predictive family (`strata.probes.families`).
    output
        Shard with, for every layer, `<layer>/vinfo`, `<layer>/cka` (K), `<layer>/sse`, `<layer>/sst` (folds × K), and
        what else the family tells.
    **settings
        folds, seed, memory_mb, and the family's own.

    Raises
    ------
    StrataError
        If a shard is damaged, of another layer, or of other images than the codes; if folds are too small, or the
        memory is too little.
    """
    arrays = {}
    about = {"features": _made_by(codes, "features")}
    about["checkpoint"] = _made_by([shard for shards in layers.values() for shard in shards], "checkpoint")
    for layer, shards in progress(layers.items(), "probing layers", total=len(layers)):
        for name, values in FAMILIES[family].measure(shards, codes, layer=layer, **settings).items():
            arrays[f"{layer}/{name}"] = values.cpu().numpy()
    own = {key: _plain(settings[key]) for key in FAMILIES[family].settings}
    store.write(output, arrays, kind="vinfo", layers=list(layers), **about, family=family, settings=own)


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
