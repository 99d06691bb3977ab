"""Tables of all seeds, joined from those of each."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from strata import tables


def gather(parts: Sequence[str | Path], output: str | Path) -> None:
    """Write tables of the same columns as one, field by field as they are.

    Parameters
    ----------
    parts
        A table a seed, in the order of the seeds.
    output
        The table of all.
    """
    read = [tables.read(path, as_text=True) for path in parts]
    tables.write(output, pd.concat(read, ignore_index=True))
