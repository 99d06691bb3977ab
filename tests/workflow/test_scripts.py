"""The script of every rule, run in this process on the finished run: it writes the same bytes again."""

import os

import pytest
from mocked import Mocked
from workplace import CHECKPOINTS, REPOSITORY, SHARDS, Workplace, tiny

from strata.measures.catalogue import MEASURES

pytestmark = pytest.mark.workflow

LAST = CHECKPOINTS[-1]
OF_SEED = {"seed": "0"}
LEARNED = {**OF_SEED, "population": "learned"}
OF_SHARD = {**OF_SEED, "shard": SHARDS[0]}
RULES = {
    "index": {},
    "decode": {"shard": SHARDS[0]},
    "train": OF_SEED,
    "cache": {**OF_SHARD, "checkpoint": LAST},
    "discovery": {"classes": "classes-000"},
    "class_features": {**OF_SEED, "features": "half-1", "classes": "classes-000"},
    "dictionary": {**OF_SEED, "features": LAST},
    "codes": {**OF_SHARD, "features": LAST},
    "control_directions": {**OF_SEED, "control": "random", "checkpoint": LAST},
    "projections": OF_SHARD,
    "control_codes": {**OF_SHARD, "control": "shuffled"},
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


@pytest.fixture(scope="module")
def mocked(finished):
    before = os.getcwd()
    mocked = Mocked(Workplace(finished.folder), tiny(finished.changes))
    yield mocked
    mocked.open.close()
    os.chdir(before)


@pytest.mark.parametrize("rule", RULES)
def test_a_script_writes_the_same_bytes_again(finished, mocked, tmp_path, rule):
    for name in mocked.run(rule, tmp_path, **RULES[rule]):
        assert (tmp_path / name).read_bytes() == finished.path(name).read_bytes(), name


@pytest.mark.parametrize("rule", ["estimate", "layers", "preflight"])
def test_a_script_that_prints_tells_what_it_should(mocked, tmp_path, capsys, rule):
    mocked.run(rule, tmp_path)
    said = {
        "estimate": "peak memory of a job",
        "layers": "for activations.layers: [stem,",
        "preflight": "1,797 of 10 classes",
    }
    assert said[rule] in capsys.readouterr().out


def test_every_script_is_run_by_a_test():
    scripts = {path.stem for path in (REPOSITORY / "workflow/scripts").glob("*.py")}
    assert scripts == {"measure" if rule in MEASURES else rule for rule in RULES} | ELSEWHERE | PRINT


def test_scripts_are_thin():
    for path in (REPOSITORY / "workflow/scripts").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 40, path
