import os
import platform
import resource
import subprocess

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


def test_a_job_has_its_threads_and_ends_with_one_line_in_its_log(monkeypatch, tmp_path):
    for library in ("OMP", "MKL", "OPENBLAS"):
        monkeypatch.setenv(f"{library}_NUM_THREADS", "8")
    before, seen = torch.get_num_threads(), []

    def work():
        with job(1, str(tmp_path / "log")):
            seen.extend([torch.get_num_threads(), os.environ["OMP_NUM_THREADS"]])
            raise StrataError("mend it")

    with pytest.raises(SystemExit, match="1"):
        work()
    assert seen == [1, "1"]
    assert (tmp_path / "log").read_text() == "Error: mend it\n"
    torch.set_num_threads(before)


@pytest.mark.skipif("glibc" not in platform.libc_ver(), reason="only glibc can be told so")
def test_memory_that_a_job_frees_is_used_again(tmp_path):
    """Else the system hands out 16,384 new pages for 64 MiB every time; some are, where small arrays took a bit."""

    def new_pages():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(2**24)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    with job(1, str(tmp_path / "log")):
        assert sum(new_pages() for _ in range(10)) < 5 * 16384


def test_all_that_a_job_says_is_in_its_log_and_what_is_said_after_is_not(capfd, tmp_path):
    with job(1, str(tmp_path / "log")):
        print("from Python")
        subprocess.run(["sh", "-c", "echo from a process; echo and its errors >&2"], check=True)
    print("after")
    assert (tmp_path / "log").read_text().splitlines() == ["from Python", "from a process", "and its errors"]
    assert capfd.readouterr().out == "after\n"


def test_an_error_that_is_no_users_has_its_traceback_in_the_log(tmp_path):
    with pytest.raises(SystemExit), job(1, str(tmp_path / "log")):
        _ = 1 / 0
    first, *_, last, blank = (tmp_path / "log").read_text().split("\n")[:-1]
    assert (first, last, blank) == ("Traceback (most recent call last):", "ZeroDivisionError: division by zero", "")
