"""One measurement of every feature of a seed, of the last checkpoint or of each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from strata import tables
from strata.config.keys import typed
from strata.job import split
from strata.measures.catalogue import MEASURES


def measure(
    name: str,
    files: Mapping[str, Sequence[str]],
    *,
    settings: Mapping[str, Any],
    epochs: Sequence[int] | None = None,
    outputs: Sequence[str | Path],
) -> None:
    """Measure, and write tables.

    Parameters
    ----------
    name
        Of the measurement (`strata.measures.catalogue`).
    files
        By the names of its inputs; of all checkpoints, one after the other, where it is made for each.
    settings
        Its arguments, as plain values.
    epochs
        Those of the checkpoints, where it is made for each: the first column of its tables; None for the last alone.
    outputs
        A file for each of what it writes.
    """
    how = MEASURES[name]
    typed_settings = {argument: typed(how.settings[argument], value) for argument, value in settings.items()}
    if epochs is None:
        found = how.measured(_given(files), typed_settings)
    else:
        shared = {kind: paths for kind, paths in files.items() if kind == "images"}
        own = {kind: split(paths, epochs) for kind, paths in files.items() if kind != "images"}
        by_epoch = {
            epoch: how.measured(_given({kind: paths[epoch] for kind, paths in own.items()} | shared), typed_settings)
            for epoch in epochs
        }
        found = {
            table: pd.concat(
                (tabled[table].assign(epoch=epoch) for epoch, tabled in by_epoch.items()), ignore_index=True
            )
            for table in how.written
        }
        found = {table: rows[["epoch", *rows.columns.drop("epoch")]] for table, rows in found.items()}
    for table, path in zip(how.written, outputs, strict=True):
        tables.write(path, found[table])


def _given(files: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return files as a measurement takes them: of what there is one of, one."""
    return {kind: paths[0] if kind in ("dictionary", "checkpoint") else list(paths) for kind, paths in files.items()}
