import os

import pytest
import torch

from strata.errors import StrataError
from strata.job import job, split


def test_files_are_divided_into_equal_parts_in_their_order():
    assert split(["a", "b", "c", "d"], [7, 9]) == {7: ["a", "b"], 9: ["c", "d"]}
    assert split([], ["x", "y"]) == {"x": [], "y": []}
    assert split([], []) == {}


@pytest.mark.parametrize(("files", "among"), [(["a", "b", "c"], [0, 1]), (["a"], [])])
def test_files_that_are_no_equal_parts_are_credited_to_nothing(files, among):
    with pytest.raises(ValueError, match="no equal parts"):
        split(files, among)


def test_a_job_has_its_threads_and_ends_with_one_line(monkeypatch):
    for library in ("OMP", "MKL", "OPENBLAS"):
        monkeypatch.setenv(f"{library}_NUM_THREADS", "8")
    before, seen = torch.get_num_threads(), []

    def work():
        with job(1):
            seen.extend([torch.get_num_threads(), os.environ["OMP_NUM_THREADS"]])
            raise StrataError("mend it")

    with pytest.raises(SystemExit, match="Error: mend it"):
        work()
    assert seen == [1, "1"]
    torch.set_num_threads(before)
