"""Tables of all seeds, and of all nulls."""

import pandas as pd

from strata.measures.gather import gather


def written(folder, *texts):
    paths = [folder / f"{i}.csv" for i in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return paths


def test_tables_are_joined_field_by_field_as_they_are(tmp_path):
    parts = written(tmp_path, "seed,class,x\n0,007,0.10\n0,,1e-3\n", "seed,class,x\n1,NA,\n")
    gather(parts, tmp_path / "all.csv")
    assert (tmp_path / "all.csv").read_text().splitlines() == ["seed,class,x", "0,007,0.10", "0,,1e-3", "1,NA,"]


def test_constants_are_a_value_a_part(tmp_path):
    parts = written(tmp_path, "x\n1\n2\n", "x\n3\n", "x\n4\n")
    gather(parts, tmp_path / "all.csv", null=["random", "random", "untrained"], seed=[0, 1, 0])
    table = pd.read_csv(tmp_path / "all.csv")
    assert list(table) == ["x", "null", "seed"]
    expected = [(1, "random", 0), (2, "random", 0), (3, "random", 1), (4, "untrained", 0)]
    assert list(table.itertuples(index=False, name=None)) == expected


def test_a_constant_stands_in_place_of_what_a_part_tells(tmp_path):
    """A network of shuffled labels has a seed of its own name, and is compared with that of the number."""
    parts = written(tmp_path, "seed,x\n9,1\n")
    gather(parts, tmp_path / "all.csv", seed=[3])
    assert pd.read_csv(tmp_path / "all.csv")["seed"].tolist() == [3]


def test_columns_that_a_part_lacks_are_missing(tmp_path):
    parts = written(tmp_path, "seed,x,y\n0,1,2\n", "seed,x\n1,3\n")
    gather(parts, tmp_path / "all.csv")
    assert (tmp_path / "all.csv").read_text().splitlines() == ["seed,x,y", "0,1,2", "1,3,"]
