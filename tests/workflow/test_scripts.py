"""The script of every rule, run in this process on a finished run: it writes the same bytes again."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from debug import Workflow
from workplace import CHECKPOINTS, REPOSITORY, RUN, SEED, SHARDS, tiny

from strata.errors import StrataError
from strata.measures.catalogue import MEASURES

pytestmark = pytest.mark.workflow

LAST = CHECKPOINTS[-1]
OF_SEED = {"seed": "0"}
LEARNED = {**OF_SEED, "population": "learned"}
RULES = {
    "index": {},
    "decode": {"shard": SHARDS[0]},
    "train": OF_SEED,
    "cache": {**OF_SEED, "checkpoint": CHECKPOINTS[1]},
    "cache_ends": {**OF_SEED, "checkpoint": LAST},
    "discovery": {**OF_SEED, "classes": "classes-000"},
    "class_features": {**OF_SEED, "features": "half-1", "classes": "classes-000"},
    "dictionary": {**OF_SEED, "features": LAST},
    "codes": {**OF_SEED, "features": LAST},
    "control_directions": {**OF_SEED, "control": "random", "checkpoint": LAST},
    "projections": OF_SEED,
    "control_codes": {**OF_SEED, "control": "shuffled"},
    "probe": {**OF_SEED, "asked": "own", "checkpoint": LAST, "family": "linear", "chunk": "stem-to-penultimate"},
    **dict.fromkeys(MEASURES, LEARNED),
    "measurements": LEARNED,
    "support": LEARNED,
    "gather": {},
    "nulls": {},
    "decoded": OF_SEED,
    "findings": {},
    "draw": {},
    "answer": {},
    "explorer": {},
}
ELSEWHERE = {
    "adopt",
    "compare",
    "crate",
    "superclasses",
    "visualise",
    "seed_stability",
    "factor_codes",
    "interventions",
    "ground_truth",
}  # whole runs of theirs
PRINT = {"estimate", "layers", "preflight", "report"}


# What has gone from a finished run.
PASSING = [f"{SEED}/discovery/{part}classes-000.h5" for part in ("", f"{LAST}/", "half-1/")]


@pytest.fixture(scope="module")
def workflow(finished, tmp_path_factory):
    """That of a finished run, in its folder, with what has gone made again."""
    place = finished.copy(tmp_path_factory.mktemp("scripts") / "place")
    done = place.make(*PASSING)
    assert done.code == 0, done.output
    shutil.copy2(finished.path(f"{RUN}/provenance.json"), place.path(RUN))  # which tells of that call too
    configfile = place.path("debugged.yaml")
    configfile.write_text(yaml.safe_dump(tiny(place.changes)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place.folder)
        with Workflow([configfile]) as workflow:
            yield workflow


@pytest.fixture(autouse=True)
def one_thread():
    """Give back the threads that a job has taken."""
    yield
    torch.set_num_threads(1)


@pytest.mark.parametrize("rule", RULES)
def test_a_script_writes_the_same_bytes_again(workflow, tmp_path, rule):
    for name in workflow.run(rule, tmp_path, **RULES[rule]):
        assert Path(name).read_bytes() == Path(name).relative_to(tmp_path).read_bytes(), name


@pytest.mark.parametrize("rule", ["estimate", "layers", "preflight"])
def test_a_script_that_prints_tells_what_it_should(workflow, tmp_path, capsys, rule):
    workflow.run(rule, tmp_path)
    said = {
        "estimate": "peak memory of a job",
        "layers": "for activations.layers: [stem,",
        "preflight": "1,797 of 10 classes",
    }
    assert said[rule] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rule", "wildcards", "said"),
    [
        ("importances", {}, "no rule 'importances' has a script; allowed: .*importance,"),
        ("importance", OF_SEED, "wildcards of a job of the rule importance: population, seed; found seed"),
        ("gather", OF_SEED, "of the rule gather: none; found seed"),
    ],
)
def test_what_is_no_job_is_told(workflow, tmp_path, rule, wildcards, said):
    with pytest.raises(StrataError, match=said):
        workflow.run(rule, tmp_path, **wildcards)


def test_a_person_stops_in_a_job_and_looks(finished, tmp_path):
    """As CONTRIBUTING.md tells it, with a debugger's commands on standard input."""
    debugged = tmp_path / "debugged.yaml"
    debugged.write_text(yaml.safe_dump(tiny(finished.changes)))
    command = [sys.executable, "-m", "pdb", REPOSITORY / "workflow/debug.py", "gather", "--into", tmp_path]
    asked = ["import strata.measures.gather", "break strata.measures.gather.gather", "continue", "args", "clear", "yes"]
    done = subprocess.run(
        [*command, "--configfile", debugged],
        cwd=finished.folder,
        input="\n".join([*asked, "continue", "quit", ""]),
        capture_output=True,
        text=True,
    )
    assert f"{RUN}/seed-0/tables/learned/features.csv" in done.stdout
    written = tmp_path / RUN / "features.csv"
    assert written.read_bytes() == finished.path(f"{RUN}/features.csv").read_bytes()


def test_every_script_is_run_by_a_test():
    scripts = {path.stem for path in (REPOSITORY / "workflow/scripts").glob("*.py")}
    called = {"measure" if rule in MEASURES else rule.removesuffix("_ends") for rule in RULES}
    assert scripts == called | ELSEWHERE | PRINT


def test_scripts_are_thin():
    for path in (REPOSITORY / "workflow/scripts").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 40, path
