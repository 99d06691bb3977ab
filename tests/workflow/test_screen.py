"""What a user sees of a real Snakemake: a plan, a job, what has to be mended."""

import re

import pytest
from workplace import RUN

pytestmark = pytest.mark.workflow

INDEX = f"{RUN}/images/index.csv"
CLOCK = r"\d\d:\d\d:\d\d  "


def said(done):
    """What it said after Snakemake's line about profiles."""
    lines = done.output.splitlines()
    assert lines[0].startswith("Using workflow specific profile"), done.output
    return lines[1:]


def test_a_plan_is_a_screen_and_verbose_has_the_rest(fresh):
    done = fresh.snakemake("--dry-run")
    lines = said(done)
    assert lines[0].split()[:2] == ["rule", "jobs"]
    assert re.match(r"index +1  Missing output files: ", lines[1])
    assert len(lines) < 40
    assert max(map(len, lines)) < 130
    verbose = fresh.snakemake("--dry-run", "--verbose", "--", INDEX)
    assert "Job stats:" in verbose.output
    assert f"Reason: Missing output files: {INDEX}" in verbose.output


def test_a_job_is_two_lines_and_a_second_time_none(fresh):
    lines = said(fresh.make(INDEX))
    patterns = ["1 job", "begins  Listing and .*", r"done    Listing and splitting the images \(\d+ s\); 1 of 1 jobs"]
    own = [line for line in lines if re.match(CLOCK, line)]
    assert len(own) == len(patterns), lines
    assert [
        line for line, own_pattern in zip(own, patterns, strict=True) if not re.fullmatch(CLOCK + own_pattern, line)
    ] == []
    assert len(lines) == len(own) + 1  # and that of the preflight
    assert fresh.path(f"{RUN}/logs/index.log").exists()
    assert said(fresh.make(INDEX)) == ["Nothing to be done (all requested files are present and up to date)."]


def test_an_error_of_a_job_is_the_last_line_and_in_its_log(fresh):
    """Without the preflight, which would tell before any job."""
    fresh.path("empty").mkdir()
    changes = {"data.source": "folder", "data.path": "empty"}
    done = fresh.snakemake("--cores", "1", "--no-hooks", "--", INDEX, changes=changes)
    assert done.code != 0
    failed, error = said(done)[-2:]
    assert re.fullmatch(rf"{CLOCK}failed  Listing .* \(\d+ s; log: {RUN}/logs/index.log\)", failed)
    assert error.startswith("Error: config key data.path: ")
    assert done.errors == [error]
    assert fresh.path(f"{RUN}/logs/index.log").read_text() == f"{error}\n"


def test_without_the_logger_snakemake_names_the_log(fresh):
    fresh.remove("profiles")
    fresh.path("empty").mkdir()
    changes = {"data.source": "folder", "data.path": "empty"}
    done = fresh.snakemake("--cores", "1", "--no-hooks", "--", INDEX, changes=changes)
    assert done.code != 0
    assert f"log: {RUN}/logs/index.log (check log file(s) for error details)" in done.output


def test_broken_yaml_is_told_by_its_line(fresh):
    fresh.path("mine.yaml").write_text("run: tiny\ndata:\n  source: [digits\nmodel: x\n")
    done = fresh.snakemake("--dry-run", configfile="mine.yaml")
    assert done.code != 0
    assert done.errors == ["Error: mine.yaml, line 4, is no YAML: expected ',' or ']', but got ':'"]
