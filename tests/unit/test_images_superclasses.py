"""Super-classes, as a user's file tells them."""

import pytest

from strata.errors import StrataError
from strata.images.superclasses import superclasses


def test_superclasses_are_read_in_the_order_of_the_classes(tmp_path):
    (tmp_path / "s.csv").write_text("class,superclass\n7,odd\nnull,even\n1,odd\n")
    table = superclasses(tmp_path / "s.csv", ["1", "7", "null"])
    assert table.to_numpy().tolist() == [["1", "odd"], ["7", "odd"], ["null", "even"]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class,superclass\na,x\n", "lacks 'b'"),
        ("class,superclass\na,x\nb,x\nc,y\n", "no class of the images: 'c'"),
        ("class,superclass\na,x\nb,x\na,y\n", "names twice 'a'"),
        ("class,superclass\na,x\nb,\n", "no super-class to 'b'"),
        ("class,super\na,x\nb,x\n", "must have the columns class,superclass; found class,super"),
        ("", "cannot be read as CSV"),
        ('class,superclass\na,b,c,d\n"', "cannot be read as CSV"),
    ],
)
def test_superclasses_that_do_not_fit_the_classes_are_told_in_one_line(tmp_path, text, said):
    path = tmp_path / "s.csv"
    path.write_text(text)
    with pytest.raises(StrataError) as error:
        superclasses(path, ["a", "b"])
    line = str(error.value)
    assert line.startswith(f"config key data.superclasses: {path} ")
    assert said in line
    assert "\n" not in line
