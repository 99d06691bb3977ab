"""Super-classes of the classes, as a user's file tells them."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from strata import tables
from strata.errors import StrataError


def superclasses(path: str | Path, classes: Sequence[str]) -> pd.DataFrame:
    """Read which super-class every class belongs to.

    Parameters
    ----------
    path
        CSV file with the columns class and superclass, a row a class.
    classes
        The classes that there are.

    Returns
    -------
    DataFrame
        class, superclass, in the order of `classes`.

    Raises
    ------
    StrataError
        If the file is no such table, lacks a class, names one twice or one that there is not.
    """
    key = f"config key data.superclasses: {path}"
    table = tables.given(path, ["class", "superclass"], key=key)
    listed = table["class"]
    for wrong, what in (
        ([name for name in classes if name not in set(listed)], "lacks"),
        (list(listed[~listed.isin(classes)]), "names what is no class of the images:"),
        (list(listed[listed.duplicated()]), "names twice"),
        (list(listed[table["superclass"] == ""]), "gives no super-class to"),
    ):
        if wrong:
            raise StrataError(f"{key} {what} {', '.join(map(repr, wrong[:3]))}{' …' if len(wrong) > 3 else ''}")
    return table.set_index("class").loc[list(classes)].reset_index()
