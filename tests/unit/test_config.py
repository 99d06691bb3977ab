"""The configuration: what is filled in, what is refused and how, and what is generated from the keys."""

import dataclasses
import re
import sys
from copy import deepcopy

import pytest
import yaml
from jsonschema import Draft202012Validator

from strata.config import generate
from strata.config.check import checked, compared
from strata.config.keys import Activations, Augment, Config, Data, Figures, Section, at, section_of, typed
from strata.config.words import allowed_of
from strata.errors import StrataError
from strata.features.methods import METHODS
from strata.probes.families import FAMILIES

JARGON = re.compile(r"\b(type|array|object|string|integer|boolean|pattern|match|None|True|False)\b|[\^$]")


@pytest.fixture
def schema(root):
    return yaml.safe_load((root / "workflow" / "schemas" / "config.schema.yaml").read_text())


@pytest.fixture
def defaults():
    return checked({}).model_dump()


def changed(base, path, value):
    """Return a copy with one key set; the path is dotted."""
    result = deepcopy(base)
    *sections, key = path.split(".")
    inner = result
    for section in sections:
        inner = inner[section]
    inner[key] = value
    return result


def refusal(settings):
    with pytest.raises(StrataError) as error:
        checked(settings)
    text = str(error.value)
    assert "\n" not in text
    assert not JARGON.search(text)
    return text


def keys_of(section, prefix=""):
    """Yield every key with its full path, those of sections within."""
    for name, field in section.model_fields.items():
        yield f"{prefix}{name}", field
        if inner := section_of(field):
            yield from keys_of(inner, f"{prefix}{name}.")


def test_an_empty_configuration_is_filled_with_the_embedded_default(root):
    assert checked({}).model_dump() == yaml.safe_load((root / "config" / "config.yaml").read_text())


def test_a_section_keeps_what_it_says_and_is_filled_with_the_rest():
    mine, defaults = {"training": {"epochs": 3, "augment": {"flip": True}}}, checked({})
    filled = checked(mine)
    changes = {"epochs": 3, "augment": Augment(scale=[0.7, 1.0], flip=True)}
    assert filled.training == defaults.training.model_copy(update=changes)
    assert filled.model_copy(update={"training": defaults.training}) == defaults
    assert mine == {"training": {"epochs": 3, "augment": {"flip": True}}}


def test_keys_of_a_comparison_are_none_of_a_runs(root):
    own = yaml.safe_load((root / "config" / "comparison.yaml").read_text())
    found = compared({**own, "run": "digits", "training": {"epochs": 3}})
    assert (found.comparison, found.runs) == (own["comparison"], own["runs"])
    assert found.model_fields_set == {"comparison", "runs"}
    assert compared({"run": "digits"}).model_fields_set == set()
    assert "config key runs is unknown (did you mean run?)" in refusal({"runs": ["digits", "shapes"]})


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("runs", "digits", "must be a list of finished runs (of `snakemake compare` alone); found 'digits'"),
        ("runs", [1, 2], "must be a list of finished runs (of `snakemake compare` alone); found [1, 2]"),
        ("runs", None, "found nothing"),
        ("comparison", "a/b", "letters, digits, dots, dashes and underscores"),
    ],
)
def test_a_bad_key_of_a_comparison_is_refused(key, value, said):
    with pytest.raises(StrataError) as error:
        compared({key: value})
    assert f"config key {key} " in str(error.value)
    assert said in str(error.value)


def test_every_overlay_is_allowed(root, schema):
    overlays = sorted({*(root / "config").glob("*.yaml")} - {root / "config" / "comparison.yaml"})
    assert root / "config" / "imagenet.yaml" in overlays
    for overlay in overlays:
        settings = yaml.safe_load(overlay.read_text())
        checked(settings)
        Draft202012Validator(schema).validate(settings)  # as an editor does


def test_every_key_has_a_default_and_a_description(schema):
    def walk(node, path):
        assert node["additionalProperties"] is False, path
        for key, sub in node["properties"].items():
            if "$ref" in sub:
                walk(schema["$defs"][sub["$ref"].removeprefix("#/$defs/")], f"{path}{key}.")
            else:
                assert "default" in sub, f"{path}{key}"
                assert sub.get("description"), f"{path}{key}"

    walk(schema, "")
    for path, field in keys_of(Config):
        section = section_of(field)
        assert not field.is_required(), path
        assert section or field.description, path
        assert not section or section.model_config["extra"] == "forbid", path


def test_what_a_key_allows_is_told_in_plain_words():
    for path, field in keys_of(Config):
        if not field.default_factory:  # a section
            words = allowed_of(field)
            assert words, path
            assert not JARGON.search(words), path


REFUSED = [
    # key, value, what the line must say besides the key
    ("run", "a b", ["must be text of letters, digits, dots, dashes and underscores", "found 'a b'"]),
    ("run", 3, ["must be text", "found 3"]),
    ("seeds", [], ["must be a list of at least 1 whole number", "found []"]),
    ("seeds", [0, 0], ["must not repeat an entry"]),
    ("seeds", [0, -1], ["seeds.1", "must be a whole number of at least 0", "found -1"]),
    ("seeds", 0, ["must be a list", "found 0"]),
    ("data", None, ["must hold keys (source, path, ", "found nothing"]),
    ("data", "digits", ["must hold keys (source, path, ", "found 'digits'"]),
    ("data.source", "mnist", ["must be one of digits, folder, tar, torchvision:<name>, ", "shapes; found 'mnist'"]),
    ("data.path", 3, ["must be text or null", "found 3"]),
    ("data.size", 7, ["must be a whole number from 8 to 1024", "found 7"]),
    ("data.size", 1025, ["must be a whole number from 8 to 1024", "found 1025"]),
    ("data.size", "32", ["must be a whole number", "found the text '32'", "if it is written 32 ("]),
    ("data.size", 32.5, ["must be a whole number", "found 32.5"]),
    ("data.size", True, ["must be a whole number", "found true"]),
    ("data.test_fraction", 0, ["must be a number above 0", "found 0"]),
    ("data.test_fraction", 1, ["must be a number above 0 and below 1", "found 1"]),
    ("data.on_bad_image", "ignore", ["must be one of fail, skip", "found 'ignore'"]),
    (
        "model.source",
        "keras:resnet50",
        ["must be strata:resnet, torchvision:<name>, timm:<name> or python:<module>:<function>", "found 'keras"],
    ),
    ("model.mean", [0.5], ["must be a list of 3 numbers", "found [0.5]"]),
    ("model.std", [1, 1, 1, 1], ["must be a list of 3 numbers", "found [1, 1, 1, 1]"]),
    ("model.std", [1, 0, 1], ["model.std.1", "must be a number above 0", "found 0"]),
    ("model.arguments", [], ["must be keys with values", "found []"]),
    ("training.batch_size", 1, ["must be a whole number of at least 2", "found 1"]),
    ("training.schedule", "linear", ["must be one of one-cycle, cosine", "found 'linear'"]),
    ("training.momentum", 1.0, ["must be a number of at least 0 and below 1", "found 1.0"]),
    ("training.learning_rate", "1e-5", ["must be a number above 0", "found the text '1e-5'", "written 1.0e-5 ("]),
    ("training.learning_rate", float("nan"), ["found nan"]),
    ("training.learning_rate", float("inf"), ["found inf"]),
    ("training.augment.scale", [0.5, 1.5], ["training.augment.scale.1", "at most 1", "found 1.5"]),
    ("training.augment.flip", "no", ["must be true or false", "found 'no'"]),
    ("training.shuffle_labels", 1, ["must be true or false", "found 1"]),
    ("training.epochs", 12.0, ["must be a whole number", "found 12.0"]),  # which is no count of epochs in Python
    ("training.checkpoints", [1.0], ["training.checkpoints.0", "must be a whole number", "found 1.0"]),
    ("training.checkpoints", "some", ["must be all or a list of epochs", "found 'some'"]),
    ("training.checkpoints", 3, ["must be all or a list of epochs", "found 3"]),
    ("training.checkpoints", [1, -1], ["training.checkpoints.1", "must be a whole number of at least 0", "found -1"]),
    ("training.checkpoints", [1, 1], ["must not repeat an entry"]),
    ("activations.shards", 0, ["must be a whole number of at least 1 or null", "found 0"]),
    ("activations.layers", [], ["must be at least 1 name of a layer", "found []"]),
    (
        "activations.layers",
        ["stem", "a/b"],
        ["activations.layers.1", "name of a layer (letters, digits, dots, dashes", "found 'a/b'"],
    ),
    ("activations.sample", "balanced", ["must be one of stratified, enriched", "found 'balanced'"]),
    ("activations.class_share", 1, ["must be a number above 0 and below 1", "found 1"]),
    ("activations.dtype", "float64", ["must be one of float32, float16", "found 'float64'"]),
    ("probes.folds", 2, ["must be a whole number from 3 to 20", "found 2"]),
    ("probes.penalties", [0.1, 0], ["probes.penalties.1", "must be a number from 1e-06 to", "found 0"]),
    ("questions.confidence", 1, ["must be a number of at least 0.5 and below 1", "found 1"]),
    ("questions.redundancy.share", 0, ["must be a number above 0", "found 0"]),
    ("questions.redundancy.subsets", 0, ["must be a whole number from 1 to", "found 0"]),
    ("questions.noise", [], ["must be a list of at least 1 number", "found []"]),
    ("questions.noise", [0.1, 0], ["questions.noise.1", "must be a number above 0", "found 0"]),
    ("questions.noise", [0.1, 0.1], ["must not repeat an entry"]),
    ("questions.noise_images", 1, ["must be a whole number of at least 2", "found 1"]),
    ("figures.examples", 5, ["must be one of 4, 9, 16", "found 5"]),
    ("figures.dpi", 5000, ["must be a whole number from 50 to 1200", "found 5000"]),
    ("training.augment", None, ["must hold keys (scale, flip)", "found nothing"]),
    ("seeds", None, ["must be a list of at least 1 whole number", "found nothing"]),
    ("training.learning_rate", "1e-3", ["found the text '1e-3'", "reads as a number if it is written 1.0e-3 ("]),
    ("training.learning_rate", "125e-5", ["if it is written 125.0e-5 ("]),
    ("training.learning_rate", "1.25E-3", ["if it is written 1.25e-3 ("]),  # no digit is lost
    ("training.learning_rate", "fast", ["must be a number above 0; found 'fast' ("]),
    ("questions.noise_images", "1e4", ["must be a whole number of at least 2", "if it is written 10000 ("]),
    ("controls.shuffled_labels", "yes", ["must be true or false", "found 'yes'"]),
    ("probes.penalties", [1.0, "1e-2"], ["probes.penalties.1", "if it is written 1.0e-2 ("]),
    ("run", "-1", ["must be text of letters", "beginning with a letter or digit; found '-1'"]),
    ("run", "", ["must be text of letters", "found ''"]),
    ("model.checkpoints", [], ["must be a list of at least 1 non-empty text", "or null", "found []"]),
    ("model.checkpoints", ["a.pt", ""], ["model.checkpoints.1", "must be non-empty text", "found ''"]),
    ("features.method", "pca", [f"must be one of {', '.join(METHODS)}; ", "found 'pca'"]),
    ("probes.family", "forest", [f"must be one of {', '.join(FAMILIES)}; ", "found 'forest'"]),
    ("data.shapes.correlation", 0.9, ["must hold keys (between, strength)", "found 0.9"]),
    ("data.shapes.correlation", {"strength": 1}, ["data.shapes.correlation.strength", "below 1", "found 1"]),
]


def test_a_key_of_an_earlier_version_is_told_with_those_there_are(defaults):
    text = refusal(changed(defaults, "questions.bootstrap", 1000))
    assert text.startswith("config key questions.bootstrap is unknown; allowed here: images, confidence, ")


@pytest.mark.parametrize(("key", "value", "said"), REFUSED, ids=[f"{k}={v!r}" for k, v, _ in REFUSED])
def test_a_value_that_is_not_allowed_is_told_with_its_full_key_and_what_is(defaults, key, value, said):
    text = refusal(changed(defaults, key, value))
    assert text.startswith(f"config key {key}")
    assert "; found " in text
    for part in said:
        assert part in text


@pytest.mark.parametrize(
    ("key", "meant", "among"),
    [
        ("sedes", "seeds", "probes"),
        ("trainning", "training", "figures"),
        ("features.per_clas", "per_class", "tolerance"),
        ("training.augment.flipp", "flip", "scale"),
    ],
)
def test_an_unknown_key_is_told_with_its_full_path_and_the_nearest(defaults, key, meant, among):
    text = refusal(changed(defaults, key, 1))
    assert text.startswith(f"config key {key} is unknown (did you mean {meant}?); allowed here: ")
    assert among in text


def test_an_unknown_key_that_resembles_none_gets_the_list_alone(defaults):
    text = refusal(changed(defaults, "figures.xyzzy", 1))
    assert text == "config key figures.xyzzy is unknown; allowed here: dpi, width, examples"


def test_a_method_that_fits_all_images_together_has_one_job(monkeypatch, defaults):
    monkeypatch.setitem(METHODS, "nmf", dataclasses.replace(METHODS["nmf"], rows_from="all"))
    checked(defaults)
    text = refusal(changed(defaults, "features.jobs", 2))
    assert text.startswith("config key features.jobs must be 1, because nmf fits the images of all classes together")
    text = refusal(changed(defaults, "activations.sample", "enriched"))
    assert text.startswith("config key activations.sample must be stratified with features.method: nmf, whose features")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data.source": "folder"}, ["data.path", "data.source"]),
        ({"data.source": "folder", "data.path": ""}, ["data.path"]),
        ({"data.superclasses": "nowhere.csv"}, ["data.superclasses", "'nowhere.csv'"]),
        ({"data.superclasses": ""}, ["data.superclasses"]),
        ({"activations.shards": 3, "data.shards": 2}, ["activations.shards", "data.shards (2)", "found 3"]),
        (
            {"activations.sample": "enriched", "probes.family": "mlp"},
            ["activations.sample must be stratified", "probes.family: mlp", "linear alone"],
        ),
        ({"training.checkpoints": [1, 13]}, ["training.checkpoints", "training.epochs (12)", "found 13"]),
        ({"training.tasks_per_node": 2}, ["training.launcher", "submitit", "training.tasks_per_node"]),
        ({"training.augment": {"scale": [0.9, 0.5], "flip": False}}, ["training.augment.scale", "smallest"]),
    ],
)
def test_keys_that_contradict_each_other_are_told(defaults, changes, said):
    settings = defaults
    for key, value in changes.items():
        settings = changed(settings, key, value)
    text = refusal(settings)
    assert text.startswith("config key ")
    for part in said:
        assert part in text


@pytest.mark.parametrize(("studied", "count"), [(None, 6), (2, 2)])
def test_all_shards_are_studied_unless_fewer_are_asked_for(studied, count):
    assert Config(activations=Activations(shards=studied), data=Data(shards=6)).studied_shards == count


def test_what_is_learned_of_numbers_written_as_told_is_a_number():
    for text in ("1e-3", "125e-5", "1.25E-3", "1e3", "2E+2", ".5e-1"):
        told = re.search(r"if it is written (\S+) \(", refusal({"training": {"learning_rate": text}}))[1]
        number = yaml.safe_load(told)
        assert number == float(text)
        checked({"training": {"learning_rate": number}})


def test_generated_files_are_what_the_keys_say(root):
    generated = generate.generated()
    names = ["config/config.yaml", "docs/configuration.md", "workflow/schemas/config.schema.yaml"]
    assert sorted(str(path.relative_to(root)) for path in generated) == names
    for path, text in generated.items():
        assert path.read_text() == text, path


def test_generated_files_that_are_stale_are_told_or_written(monkeypatch, tmp_path):
    fresh, stale = tmp_path / "fresh.yaml", tmp_path / "stale.yaml"
    fresh.write_text("new")
    stale.write_text("old")
    monkeypatch.setattr(generate, "_ROOT", tmp_path)
    monkeypatch.setattr(generate, "generated", lambda: {fresh: "new", stale: "new"})
    monkeypatch.setattr(sys, "argv", ["generate", "--check"])
    with pytest.raises(SystemExit, match=r"^stale\.yaml: not what strata/config/keys\.py says"):
        generate.main()
    assert stale.read_text() == "old"
    monkeypatch.setattr(sys, "argv", ["generate"])
    generate.main()
    assert stale.read_text() == "new"
    monkeypatch.setattr(sys, "argv", ["generate", "--check"])
    generate.main()


def test_the_table_has_every_key_but_those_that_hold_keys_alone(root):
    listed = re.findall(r"^\| `([a-z_.]+)` \|", (root / "docs" / "configuration.md").read_text(), re.MULTILINE)
    settings, leaves = (
        checked({}),
        [path for path, field in keys_of(Config) if not field.default_factory and "correlation." not in path],
    )
    assert listed == leaves
    assert all(not isinstance(at(settings, path), Section) for path in leaves)


def test_a_plain_value_becomes_what_its_key_holds():
    assert typed("figures", {"dpi": 100, "examples": 4}) == Figures(dpi=100, examples=4)
    assert typed("training.augment", {"scale": [0.5, 1.0], "flip": True}) == Augment(scale=[0.5, 1.0], flip=True)
    assert typed("data.shapes.correlation", None) is None
    assert typed("figures.dpi", 100) == 100
