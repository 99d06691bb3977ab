"""The run as an RO-Crate: what it tells, and that others' tools can read it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import strata
from strata import provenance
from strata.config.keys import Config
from strata.crate import crate

VALIDATOR = Path(sys.prefix, "roc-validator", "bin", "python")  # which `make pytest` makes
DATA = {"source": "folder", "path": "photos of birds"}


def written(folder, config, *, calls=1):
    """Write a crate, with a file or a folder for everything that it says is here; return its entities by their ids."""
    for number in range(calls):
        provenance.begin(config, folder)
        if number < calls - 1:
            provenance.end(folder, [], outcome="failed")
    text = crate(config, provenance.read(folder))
    (folder / "ro-crate-metadata.json").write_text(text)
    entities = {entity["@id"]: entity for entity in json.loads(text)["@graph"]}
    for part in entities["./"]["hasPart"]:
        path = folder / part["@id"]
        (path if part["@id"].endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not path.is_dir():
            path.touch()
    return entities


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crate")
    return folder, written(folder, Config.model_validate({"data": DATA, "seeds": [3, 5]}), calls=2)


def issues(folder):
    """Return what roc-validator has to say of a crate."""
    if not VALIDATOR.exists():
        pytest.skip("roc-validator has an environment of its own: make .venv/roc-validator/installed")
    command = [VALIDATOR, Path(__file__).with_name("validate_crate.py"), folder, "workflow-run-crate"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["checked"] >= 50
    return told["issues"]


@pytest.mark.slow
def test_roc_validator_finds_a_workflow_run_crate(made):
    assert issues(made[0]) == []


@pytest.mark.slow
def test_roc_validator_would_find_what_is_missing(tmp_path):
    entities = written(tmp_path, Config())
    del entities["#call-1"]["instrument"]
    (tmp_path / "features.csv").unlink()
    text = json.dumps({"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": list(entities.values())})
    (tmp_path / "ro-crate-metadata.json").write_text(text)
    found = "\n".join(issues(tmp_path))
    assert "MUST have an instrument property" in found
    assert "features.csv" in found


def test_it_tells_inputs_configuration_and_outputs(made):
    _, entities = made
    call = entities["#call-2"]
    configuration, images = (entities[own["@id"]] for own in call["object"])
    assert configuration["@id"] == "workflow/config.yaml"
    assert images["value"] == "folder: photos of birds"
    results = {own["@id"] for own in call["result"]}
    assert {"features.csv", "findings.json", "index.html", "tables/", "seed-3/", "seed-5/"} <= results
    assert entities[configuration["exampleOfWork"]["@id"]]["workExample"] == {"@id": "workflow/config.yaml"}


def test_it_tells_software_agent_and_licence(made):
    _, entities = made
    workflow = entities[entities["./"]["mainEntity"]["@id"]]
    assert workflow["version"] == strata.__version__
    assert workflow["license"] == {"@id": "https://spdx.org/licenses/MIT"}
    names = {entities[own["@id"]]["name"] for own in workflow["softwareRequirements"]}
    assert {"python", "torch", "snakemake"} <= names
    agent = entities[entities["#call-2"]["agent"]["@id"]]
    assert agent["@type"] == "Person"
    assert agent["name"]
    assert "No licence" in entities[entities["./"]["license"]["@id"]]["description"]


def test_every_call_of_snakemake_is_an_action(made):
    _, entities = made
    assert [own["@id"] for own in entities["./"]["mentions"]] == ["#call-1", "#call-2"]
    failed, last = entities["#call-1"], entities["#call-2"]
    assert failed["actionStatus"].endswith("FailedActionStatus")
    assert "result" not in failed
    assert last["actionStatus"].endswith("CompletedActionStatus")
    assert last["startTime"] <= last["endTime"]


def test_a_run_of_a_module_has_no_record_and_tells_what_is_known():
    entities = {entity["@id"]: entity for entity in json.loads(crate(Config(), None))["@graph"]}
    assert entities["workflow/Snakefile"]["version"] == strata.__version__
    assert "agent" not in entities["#call-1"]
    assert "provenance.json" not in entities
