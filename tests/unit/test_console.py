"""What a run says: with clocks of its own, so that every line is known."""

import io
import logging
import os
import sys
from datetime import datetime
from types import SimpleNamespace

import pytest

from snakemake_logger_plugin_strata import LogHandler
from strata.console import Begun, Console, broken_yaml, last_error, lasting, plan

NOON = datetime(2026, 1, 1, 12).timestamp()


@pytest.fixture
def said():
    return []


@pytest.fixture
def console(said):
    console = Console(said.append)
    console.planned({"index": 1, "probe": 3}, NOON)
    return console


def run(console, number, rule, begin, end):
    console.begins(number, Begun(rule, f"Doing {rule}", NOON + begin))
    console.ends(number, NOON + end)


def test_a_line_a_job_as_it_begins_and_ends_and_last_where_the_page_is(console, said):
    console.has_page(["results/x/findings.md", "results/x/report.html", "results/x/index.html"])
    run(console, 0, "index", 0, 10)
    run(console, 1, "probe", 10, 40)
    run(console, 2, "probe", 40, 70)
    run(console, 3, "probe", 70, 100)
    console.closes(NOON + 101)
    assert said == [
        "12:00:00  4 jobs",
        "12:00:00  begins  Doing index",
        "12:00:10  done    Doing index (10 s); 1 of 4 jobs, about 30 s left",  # 3 jobs, each as long as this one
        "12:00:10  begins  Doing probe",
        "12:00:40  done    Doing probe (30 s); 2 of 4 jobs, about 60 s left",  # 2 jobs, each as long as their rule's
        "12:00:40  begins  Doing probe",
        "12:01:10  done    Doing probe (30 s); 3 of 4 jobs, about 30 s left",
        "12:01:10  begins  Doing probe",
        "12:01:40  done    Doing probe (30 s); 4 of 4 jobs",
        "12:01:41  all of it done in 2 min; look at results/x/index.html",
    ]


def test_jobs_at_once_leave_less_time(console, said):
    console.begins(1, Begun("probe", "One", NOON))
    console.begins(2, Begun("probe", "Two", NOON))
    console.ends(1, NOON + 30)
    console.ends(2, NOON + 30)
    assert said[-1].endswith("2 of 4 jobs, about 30 s left")  # 2 more of 30 s, two at once


def test_a_job_of_a_cluster_is_queued_first(console, said):
    console.begins(0, Begun("index", "Listing", NOON), queued=True)
    assert said[-1] == "12:00:00  queued  Listing"


def fail(console, log, number=0):
    console.begins(number, Begun("index", "Listing", NOON))
    console.fails(number, NOON + 2, logs=[str(log), "not/there.log"], why="died with SIGKILL")


def test_the_error_is_last_also_where_another_job_ends_after_it(console, said, tmp_path):
    log = tmp_path / "index.log"
    log.write_text("listing\nError: config key data.path: x is no folder\n")
    console.begins(1, Begun("probe", "Probing", NOON))
    fail(console, log)
    assert said[-2:] == [f"12:00:02  failed  Listing (2 s; log: {log})", "Error: config key data.path: x is no folder"]
    console.ends(1, NOON + 9)
    console.closes(NOON + 10)
    assert said[-1] == "Error: config key data.path: x is no folder"
    assert said[-2].startswith("12:00:09  done")


def test_an_error_that_is_last_is_not_repeated(console, said, tmp_path):
    fail(console, tmp_path / "none")
    console.closes(NOON + 10)
    assert [line for line in said if line.startswith("Error: ")] == ["Error: Listing: died with SIGKILL"]


def test_an_error_is_forgotten_when_the_job_is_tried_again(console, said, tmp_path):
    fail(console, tmp_path / "none")
    run(console, 0, "index", 3, 4)
    console.closes(NOON + 10)
    assert said[-1].startswith("12:00:04  done")


def test_a_traceback_is_told_by_its_last_line_and_an_earlier_attempt_not_at_all(tmp_path):
    log = tmp_path / "x.log"
    log.write_text("Traceback (most recent call last):\n  File\nValueError: no such thing\n")
    assert last_error([str(log)], since=0) == "Error: ValueError: no such thing"
    os.utime(log, (10, 10))
    assert last_error([str(log)], since=11) == ""


def test_a_plan_is_a_table_of_a_line_a_rule():
    shown = plan({"index": 1, "decode": 12}, {"decode": "Missing output files: " + 50 * "images/shard-000.h5, "})
    title, index, decode, total = shown.splitlines()
    assert title.split()[:2] == ["rule", "jobs"]
    assert index.split() == ["index", "1"]
    assert decode.startswith("decode      12  Missing output files: images/shard-000.h5")
    assert len(decode) < 120
    assert total.split() == ["total", "13"]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "0 s"), (99, "99 s"), (100, "2 min"), (5900, "98 min"), (9000, "2.5 h")]
)
def test_times_are_said_as_one_says_them(seconds, said):
    assert lasting(seconds) == said


def test_the_line_of_broken_yaml_is_named(tmp_path):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("run: x\n")
    bad.write_text("run: x\ndata:\n  source: [digits\nmodel: y\n")
    assert broken_yaml(["snakemake", "nowhere.yaml", str(good), str(bad)]).startswith(
        f"Error: {bad}, line 4, is no YAML"
    )
    assert broken_yaml([str(good)]) == ""


def test_on_a_terminal_a_line_takes_the_place_of_a_bar(monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", screen)
    handler = LogHandler(SimpleNamespace(stdout=False, dryrun=False, verbose=False), None)
    handler.emit(logging.makeLogRecord({"msg": "Careful", "levelno": logging.WARNING}))
    assert screen.getvalue() == "\r\033[KCareful\n"


@pytest.mark.parametrize(
    ("why", "told"),
    [
        (
            "SLURM-job '7' failed, SLURM status is: 'TIMEOUT'. Detailed failure reason unavailable",
            "Error: Doing probe: its time of 60 minutes was too little (TIMEOUT); raise runtime of the rule probe in "
            "the profile (slurm/config.yaml, set-resources)",
        ),
        (
            "SLURM-job '7' failed, SLURM status is: 'OUT_OF_MEMORY'.",
            "Error: Doing probe: its memory was too little (OUT_OF_MEMORY); raise mem_mb of the rule probe in "
            "the profile (slurm/config.yaml, set-resources)",
        ),
    ],
)
def test_a_limit_of_the_queue_is_told_with_the_line_that_sets_it(console, said, tmp_path, why, told):
    log = tmp_path / "probe.log"
    console.begins(1, Begun("probe", "Doing probe", NOON, {"runtime": 60}))
    log.write_text("KeyboardInterrupt: stopped\n")
    console.fails(1, NOON + 5, logs=[str(log)], why=why)
    assert said[-1] == told
