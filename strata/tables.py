"""Tables as CSV: one way to write them, one to read them.

A missing number is an empty field. Names (of images, classes, branches …) are text, whatever they look like, and never
missing: an empty field of theirs is an empty name.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from strata import store
from strata.errors import StrataError

_NAMES = ("image", "class", "superclass", "branch", "why")


def write(path: str | Path, table: pd.DataFrame, *, digits: int | None = None) -> None:
    """Write a table, whole or not at all, without its index.

    Parameters
    ----------
    path
        Where to.
    table
        What is written.
    digits
        Significant ones of every number that is no integer; None for all.

    Raises
    ------
    StrataError
        If the disk refuses the file.
    """
    store.write_bytes(path, table.to_csv(index=False, float_format=f"%.{digits}g" if digits else None).encode())


def read(path: str | Path, *, as_text: bool = False) -> pd.DataFrame:
    """Read a table that `write` wrote.

    Parameters
    ----------
    path
        Of the table.
    as_text
        Whether every field is read as the text that it is, to be written again.
    """
    if as_text:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    table = pd.read_csv(path, dtype=dict.fromkeys(_NAMES, str), keep_default_na=False, na_values=[""])
    names = [name for name in _NAMES if name in table]
    return table.assign(**{name: table[name].fillna("") for name in names})


def read_together(paths: Sequence[str | Path], **constants: Sequence[Any]) -> pd.DataFrame:
    """Read tables of the same columns as one.

    Parameters
    ----------
    paths
        Of the tables.
    **constants
        Columns that are added, each with a value a table.
    """
    parts = [
        read(path).assign(**{name: values[i] for name, values in constants.items()}) for i, path in enumerate(paths)
    ]
    return pd.concat(parts, ignore_index=True)


def given(path: str | Path, columns: list[str], *, key: str) -> pd.DataFrame:
    """Read a table of a user's: just these columns, all of them text.

    Parameters
    ----------
    path
        Of the file.
    columns
        That it must have, just these.
    key
        What names the file in an error.

    Raises
    ------
    StrataError
        If the file cannot be read, or has other columns.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise StrataError(f"{key} cannot be read as CSV ({str(error).splitlines()[0]})") from error
    if list(table) != columns:
        raise StrataError(f"{key} must have the columns {','.join(columns)}; found {','.join(map(str, table))}")
    return table
