import pytest

from strata.plain import as_code, on_one_line


def test_what_has_no_letter_of_its_own_is_a_space_on_one_line():
    assert on_one_line("two\nlines\r\t\x07\u2028\udce9") == "two lines     "
    assert on_one_line("-f {x} $<b>_ 猫é\"'") == "-f {x} $<b>_ 猫é\"'"


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("cat/a_1.png", "`cat/a_1.png`"),
        ("<script>\n*x*", "`<script> *x*`"),
        ("a`b``c", "```a`b``c```"),
        ("`", "`` ` ``"),
    ],
)
def test_no_letter_means_anything_in_markdown(name, page):
    assert as_code(name) == page
