"""What made results is known afterwards, and those of two configurations do not lie beside each other unseen."""

import json
import re

import pytest
import yaml
from workplace import REPOSITORY, RUN, planned

from strata import __version__

pytestmark = pytest.mark.workflow

INDEX, SHARD = f"{RUN}/images/index.csv", f"{RUN}/images/shard-000.h5"
# A cluster on which the configuration is edited while a job waits in the queue.
SUBMIT = """
sed -i 's/per_class: 3/per_class: 2/' tiny.yaml
sh $1 > job.txt 2>&1
echo 1
"""


def record(place):
    return json.loads(place.path(f"{RUN}/provenance.json").read_text())


def test_a_finished_run_tells_what_made_it_and_how_long_every_rule_took(finished):
    told = record(finished)
    assert told["configuration"]["run"] == "tiny"
    assert told["configuration"]["seeds"] == [0]
    (call,) = told["calls"]
    assert call["outcome"] == "done"
    assert call["started"] < call["ended"]
    assert {"index", "decode", "train", "probe", "gather", "findings", "draw", "report", "answer"} <= told[
        "rules"
    ].keys()
    assert told["rules"]["decode"]["jobs"] == 2
    assert all(rule["seconds"] >= 0 for rule in told["rules"].values())


def test_the_report_tells_what_made_it(finished):
    report = finished.path(f"{RUN}/report.html").read_text()
    host = record(finished)["calls"][0]["machine"]["host"]
    for part in ("Provenance.", f"host: {host}", "per_class: 3"):
        assert part in report, part


def test_the_page_tells_what_made_it(finished):
    page = finished.path(f"{RUN}/index.html").read_text()
    call = record(finished)["calls"][0]
    for part in (call["started"], f"{call['machine']['host']}: ", "per_class: 3"):
        assert part in page, part


def test_a_finished_run_is_a_crate_of_files_that_are_there(finished):
    """Its description is checked in tests/unit/test_crate.py."""
    crate = json.loads(finished.path(f"{RUN}/ro-crate-metadata.json").read_text())
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    parts = [part["@id"] for part in entities["./"]["hasPart"]]
    assert {"features.csv", "provenance.json", "workflow/Snakefile", "seed-0/"} <= set(parts)
    assert [part for part in parts if not finished.path(f"{RUN}/{part}").exists()] == []
    assert finished.path(f"{RUN}/workflow/Snakefile").read_text() == (REPOSITORY / "Snakefile").read_text()
    configuration = yaml.safe_load(finished.path(f"{RUN}/workflow/config.yaml").read_text())
    assert configuration == record(finished)["configuration"]


def test_going_on_with_results_of_another_version_says_first_what_reruns_and_why(again):
    told = record(again)
    told["calls"][-1]["strata"]["version"] = "0.1.0"
    again.path(f"{RUN}/provenance.json").write_text(json.dumps(told))
    target = f"{RUN}/tables/null_features.csv"
    again.append("workflow/scripts/nulls.py", "\nEDITED = True\n")
    done = again.make(target)
    assert done.code == 0, done.output
    said = f"{RUN} was made by Strata 0.1.0, and this is Strata {__version__}; what runs now, and why:\n"
    before, after = done.output.split(said)
    assert "begins" not in before
    assert planned(after) == {"nulls": 1}
    assert re.search(r"^nulls +1  Code has changed since last execution", after, re.MULTILINE)
    again.append("workflow/scripts/nulls.py", "\nEDITED = False\n")
    assert "was made by" not in again.make(target).output  # it is told once: this version has gone on with them


def test_results_of_other_images_are_kept_unless_they_are_to_be_overwritten(fresh):
    done = fresh.make(INDEX)
    assert done.code == 0, done.output
    assert list(record(fresh)["rules"]) == ["index"]
    before = fresh.path(INDEX).read_bytes()
    done = fresh.make(INDEX, changes={"data.seed": 1})
    assert done.code != 0
    (line,) = done.errors
    for part in (f"{RUN} holds results of other images", "data.seed was 0 and is 1", "--config overwrite=true"):
        assert part in line
    assert fresh.path(INDEX).read_bytes() == before
    assert fresh.make(INDEX, changes={"data.test_fraction": 0.2}).code == 0  # the default, written out
    done = fresh.snakemake("--cores", "2", "--config", "overwrite=true", "--", INDEX, changes={"data.seed": 1})
    assert done.code == 0, done.output
    assert fresh.path(INDEX).read_bytes() != before
    assert fresh.plan(INDEX, changes={"data.seed": 1}) == {}
    assert [call["outcome"] for call in record(fresh)["calls"]] == ["done", "done"]


def test_a_job_whose_configuration_was_edited_in_the_queue_stops(fresh):
    fresh.path("submit.sh").write_text(SUBMIT)
    engine = ("--executor", "cluster-generic", "--cluster-generic-submit-cmd", "sh submit.sh", "--jobs", "1")
    done = fresh.snakemake(*engine, "--", INDEX)
    assert done.code != 0
    said = fresh.path("job.txt").read_text().splitlines()
    (line,) = (line for line in said if line.startswith("Error: "))
    assert f"the configuration has changed since {RUN} was started: features.per_class was 3 and is 2" in line
    assert not fresh.path(INDEX).exists()
    assert record(fresh)["calls"][0]["outcome"] == "failed"
