"""A network of shuffled labels: a null of every claim, and no network that supports one about learning."""

import json
import re

import pytest
from workplace import RUN

from strata import tables
from strata.claims import testing
from strata.claims.registry import CLAIMS
from strata.config.keys import Questions

pytestmark = pytest.mark.workflow

WITH = {"controls.shuffled_labels": True, "jobs": "few"}
DRAWN = f"{RUN}/tables/nulls.csv"
NETWORK = "seed-0-shuffled-labels"
OF_LEARNING = {claim.id for claim in CLAIMS if claim.of_learning}


@pytest.fixture(scope="module")
def shuffled(finished, tmp_path_factory):
    """The finished run, gone on with such a network, by few jobs: what there is counts as made by few."""
    place = finished.copy(tmp_path_factory.mktemp("workflow") / "shuffled")
    touched = place.snakemake("--cores", "1", "--touch", changes={"jobs": "few"})
    assert touched.code == 0, touched.output
    done = place.make(DRAWN, changes=WITH)
    assert done.code == 0, done.output
    assert "begins  Training seed 0-shuffled-labels" in done.output
    assert not re.search(r"begins  .*seed 0(?!-)", done.output)  # nothing of the run's own network
    return place


def test_it_has_learned_nothing(shuffled):
    history = tables.read(shuffled.path(f"{RUN}/{NETWORK}/training.csv"))
    assert history["accuracy"].iloc[-1] < 0.2


def test_it_is_a_null_of_the_claims(shuffled):
    found = json.loads(shuffled.path(f"{RUN}/findings.json").read_text())
    by_null = {f["id"]: [null["null"] for null in f["nulls"]] for f in found}
    for id in ("q1.spectrum", "q2.emergence", "q3.teleport", "q4.simplicity_bias", "q4.sedimentation", "a.redundancy"):
        assert by_null[id][-1] == "a network of shuffled labels", id
    assert "a network of shuffled labels" in shuffled.path(f"{RUN}/tables/nulls.csv").read_text()


def test_the_runs_own_network_is_measured_as_before(finished, shuffled):
    own, before = (place.path(f"{RUN}/features.csv").read_bytes() for place in (shuffled, finished))
    assert own == before


def test_as_if_it_were_the_real_one_it_supports_no_claim_about_learning(shuffled):
    folder = shuffled.path(f"{RUN}/{NETWORK}")
    found = {path.stem: tables.read(path) for path in (folder / "tables/learned").glob("*.csv")}
    found["history"] = tables.read(folder / "training.csv").assign(seed=0)
    given = {name: table for name, table in found.items() if name in testing.TABLES}
    verdicts = {f.id: f for f in testing.findings(Questions(), **given)}
    assert OF_LEARNING & verdicts.keys() >= {"q1.spectrum", "q2.emergence", "q4.simplicity_bias", "q4.support"}
    assert [f.id for f in verdicts.values() if f.id in OF_LEARNING and f.verdict == "supported"] == []
    assert any(f.alone == "supported" for f in verdicts.values() if f.id in OF_LEARNING)  # which the rest must prevent
    assert "has not learned" in verdicts["q2.emergence"].because[0]


def test_nothing_is_left_to_do(shuffled):
    assert shuffled.plan(DRAWN, changes=WITH) == {}
