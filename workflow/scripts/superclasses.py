"""Check the super-classes that the user gives against the classes that there are."""

import pandas as pd

from strata import data, store
from strata.errors import one_line

with one_line():
    classes = pd.read_csv(snakemake.input.images, dtype={"class": str}, keep_default_na=False)["class"]
    table = data.superclasses(snakemake.input.table, sorted(classes.unique()))
    store.write_bytes(snakemake.output[0], table.to_csv(index=False).encode())
