import pytest

from strata.errors import StrataError, one_line


def test_a_strata_error_ends_the_program_with_its_one_line():
    with pytest.raises(SystemExit) as end, one_line():
        raise StrataError("results/x.h5 is missing")
    assert end.value.code == "\nError: results/x.h5 is missing"  # a string: printed, and exit status 1


def test_a_name_of_two_lines_leaves_the_error_one_line():
    with pytest.raises(SystemExit) as end, one_line():
        raise StrataError("images/two\nlines is missing")
    assert end.value.code == "\nError: images/two lines is missing"


def test_other_errors_keep_their_traceback():
    with pytest.raises(ZeroDivisionError), one_line():
        _ = 1 / 0
