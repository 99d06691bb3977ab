"""Tables of all seeds, joined from those of each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from strata import tables


def gather(parts: Sequence[str | Path], output: str | Path, **constants: Sequence[Any]) -> None:
    """Write tables of the same columns as one, field by field as they are.

    Parameters
    ----------
    parts
        A table a seed, in the order of the seeds.
    output
        The table of all.
    **constants
        Columns that are set, each with a value a part.
    """
    read = [
        tables.read(path, as_text=True).assign(**{name: values[i] for name, values in constants.items()})
        for i, path in enumerate(parts)
    ]
    tables.write(output, pd.concat(read, ignore_index=True))
