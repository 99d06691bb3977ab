"""What made the results of a run, and what must not lie beside each other in one."""

import json
import subprocess

import pytest

from strata import provenance
from strata.config.check import checked
from strata.config.keys import Config
from strata.errors import StrataError

MINE = {"data": {"source": "folder", "path": "photos"}, "model": {"arguments": {"width": 8}}}


def changed(**sections):
    """Return the configuration with some keys of sections changed."""
    return Config.model_validate({**MINE, **{name: {**MINE.get(name, {}), **own} for name, own in sections.items()}})


def written(folder):
    return json.loads((folder / "provenance.json").read_text())


def test_a_call_is_recorded_with_what_made_the_results(tmp_path):
    config = Config(seeds=[3, 4], overwrite=True)
    provenance.begin(config, tmp_path)
    record = written(tmp_path)
    assert record["configuration"]["seeds"] == [3, 4]
    assert record["configuration"]["data"]["source"] == "digits"
    assert "overwrite" not in record["configuration"]
    (call,) = record["calls"]
    assert call["ended"] is None
    assert {"torch", "snakemake"} <= call["packages"].keys()
    assert "pytest" not in call["packages"]
    assert call["machine"]["cpus"] >= 1
    assert call["machine"]["memory_gib"] > 0.5
    assert call["strata"]["version"]
    assert call["started"].endswith("+00:00")


def test_the_end_of_a_call_tells_how_long_the_jobs_of_every_rule_took(tmp_path):
    provenance.begin(Config(), tmp_path)
    provenance.end(tmp_path, [("probe", 0.0, 3.0), ("train", 2.0, 10.5), ("probe", 60.0, 61.0)], outcome="failed")
    provenance.begin(Config(), tmp_path)
    provenance.end(tmp_path, [("draw", 0.0, 1.0), ("train", 100.0, 101.0)], outcome="done")
    record = written(tmp_path)
    assert [call["outcome"] for call in record["calls"]] == ["failed", "done"]
    assert all(call["ended"] >= call["started"] for call in record["calls"])
    assert {rule: (own["jobs"], own["seconds"]) for rule, own in record["rules"].items()} == {
        "probe": (2, 4.0),
        "train": (1, 1.0),
        "draw": (1, 1.0),
    }
    assert record["rules"]["probe"]["first_started"] == "1970-01-01T00:00:00+00:00"
    assert record["rules"]["probe"]["last_ended"] == "1970-01-01T00:01:01+00:00"


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (changed(data={"path": "others"}), 'data.path was "photos" and is "others"'),
        (changed(data={"seed": 1}), "data.seed was 0 and is 1"),
        (changed(model={"arguments": {"width": 4}}), "model.arguments.width was 8 and is 4"),
        (changed(model={"arguments": {"width": 8, "depths": [1]}}), "model.arguments.depths was null and is [1]"),
        (changed(model={"arguments": {}}), "model.arguments.width was 8 and is null"),
        (changed(training={"augment": {"flip": True}}), "training.augment.flip was false and is true"),
        (
            changed(training={"epochs": 3, "batch_size": 8, "momentum": 0.5, "weight_decay": 0.1}),
            "training.epochs was 12 and is 3, training.batch_size was 64 and is 8, training.momentum was 0.9 and is "
            "0.5 and 1 more; give",
        ),
    ],
)
def test_other_images_or_another_network_under_the_same_name_are_told(tmp_path, other, said):
    provenance.begin(changed(), tmp_path)
    before = written(tmp_path)
    with pytest.raises(StrataError) as error:
        provenance.begin(other, tmp_path)
    assert said in str(error.value)
    assert "(config key run)" in str(error.value)
    assert "--config overwrite=true" in str(error.value)
    assert written(tmp_path) == before
    provenance.begin(other.model_copy(update={"overwrite": True}), tmp_path)
    provenance.begin(other, tmp_path)  # they are its own now
    assert written(tmp_path)["configuration"] == provenance.plain(other)


@pytest.mark.parametrize(
    "other",
    [
        changed(data={"on_bad_image": "skip", "superclasses": "super.csv"}),
        changed(training={"threads": 1, "launcher": "submitit", "nodes": 2, "tasks_per_node": 2, "checkpoints": [3]}),
        changed(probes={"folds": 3}, figures={"dpi": 60}, questions={"visualise": True}).model_copy(
            update={"seeds": [0, 1], "jobs": "many"}
        ),
    ],
)
def test_what_is_asked_of_the_same_images_and_network_goes_on(tmp_path, other):
    provenance.begin(changed(), tmp_path)
    provenance.begin(other, tmp_path)
    assert len(written(tmp_path)["calls"]) == 2


def test_training_does_not_count_where_nothing_is_trained(tmp_path):
    provenance.begin(changed(model={"weights": "IMAGENET1K_V2"}), tmp_path)
    provenance.begin(changed(model={"weights": "IMAGENET1K_V2"}, training={"epochs": 3}), tmp_path)


def test_a_record_of_another_version_is_read_as_far_as_it_goes(tmp_path):
    provenance.begin(changed(), tmp_path)
    record = written(tmp_path)
    del record["configuration"]["data"]["seed"]  # a key that is new since
    (tmp_path / "provenance.json").write_text(json.dumps(record))
    provenance.begin(changed(), tmp_path)
    with pytest.raises(StrataError, match=r"data\.seed was 0 and is 1"):
        provenance.begin(changed(data={"seed": 1}), tmp_path)
    record["configuration"]["data"]["colour"] = True  # one that is no more
    (tmp_path / "provenance.json").write_text(json.dumps(record))
    provenance.begin(changed(data={"seed": 1}), tmp_path)


def test_a_damaged_record_is_told(tmp_path):
    (tmp_path / "provenance.json").write_text("{")
    with pytest.raises(StrataError, match=r"provenance\.json is damaged.*remove it"):
        provenance.begin(Config(), tmp_path)


def test_a_job_that_sees_another_configuration_is_stopped(tmp_path):
    provenance.check_job(Config(), tmp_path)  # of another workflow, which records nothing
    provenance.begin(changed(), tmp_path)
    provenance.check_job(changed(costs={"classes": 3}), tmp_path)
    with pytest.raises(StrataError, match=r"has changed since .* probes\.folds was 5 and is 3; change it back, or end"):
        provenance.check_job(changed(probes={"folds": 3}), tmp_path)


def test_a_copy_of_strata_tells_its_commit_and_whether_it_was_clean(tmp_path, monkeypatch):
    root = tmp_path / "copy"
    (root / "strata").mkdir(parents=True)
    module = root / "strata" / "provenance.py"
    module.touch()
    monkeypatch.setattr(provenance, "__file__", str(module))
    provenance.begin(Config(), tmp_path / "a")
    assert "commit" not in written(tmp_path / "a")["calls"][0]["strata"]
    named = ("-c", "user.name=n", "-c", "user.email=e@e")
    for command in (("init",), ("add", "."), (*named, "commit", "--message", "m")):
        subprocess.run(["git", "-C", str(root), *command], check=True, capture_output=True)
    for clean in (True, False):
        provenance.begin(Config(), tmp_path / "b")
        told = written(tmp_path / "b")["calls"][-1]["strata"]
        assert len(told["commit"]) == 40
        assert told["clean"] == clean
        (root / "strata" / "new.py").touch()


@pytest.mark.parametrize(("told", "meant"), [("true", True), ("false", False), (True, True)])
def test_overwriting_may_be_told_in_a_command(told, meant):
    assert checked({"overwrite": told}).overwrite is meant


@pytest.mark.parametrize("told", ["yes", 1, None])
def test_overwriting_is_true_or_false(told):
    with pytest.raises(StrataError, match="overwrite must be true or false"):
        checked({"overwrite": told})


def test_overwriting_is_no_part_of_what_makes_results():
    assert provenance.plain(checked({"overwrite": True})) == provenance.plain(Config())
