from copy import deepcopy

import pytest
import yaml

from strata import config
from strata.errors import StrataError


@pytest.fixture
def schema(root):
    return root / "workflow" / "schemas" / "config.schema.yaml"


@pytest.fixture
def defaults(schema):
    return config.checked({}, schema)


def changed(base, path, value):
    """Return a copy with one key set; the path is dotted."""
    result = deepcopy(base)
    *sections, key = path.split(".")
    inner = result
    for section in sections:
        inner = inner[section]
    inner[key] = value
    return result


def refusal(settings, schema):
    with pytest.raises(StrataError) as error:
        config.checked(settings, schema)
    text = str(error.value)
    assert "\n" not in text
    return text


def test_an_empty_configuration_is_filled_with_the_embedded_default(root, schema):
    assert config.checked({}, schema) == yaml.safe_load((root / "config" / "config.yaml").read_text())


def test_a_section_keeps_what_it_says_and_is_filled_with_the_rest(schema, defaults):
    mine = {"training": {"epochs": 3, "augment": {"flip": True}}}
    filled = config.checked(mine, schema)
    assert filled["training"] == defaults["training"] | {"epochs": 3, "augment": {"scale": [0.7, 1.0], "flip": True}}
    assert {k: v for k, v in filled.items() if k != "training"} == {
        k: v for k, v in defaults.items() if k != "training"
    }
    assert mine == {"training": {"epochs": 3, "augment": {"flip": True}}}


def test_every_overlay_is_allowed(root, schema, defaults):
    overlays = sorted((root / "config").glob("*.yaml"))
    assert root / "config" / "imagenet.yaml" in overlays
    for overlay in overlays:
        config.checked(yaml.safe_load(overlay.read_text()), schema)


def test_every_key_has_a_default_and_a_description(schema):
    def walk(node, path):
        for key, sub in node["properties"].items():
            assert "default" in sub, f"{path}{key}"
            if "properties" in sub:
                assert sub["additionalProperties"] is False, f"{path}{key}"
                walk(sub, f"{path}{key}.")
            else:
                assert sub.get("description"), f"{path}{key}"

    walk(yaml.safe_load(schema.read_text()), "")


REFUSED = [
    # key, value, what the line must say besides the key
    ("run", "a b", ["must match", "found 'a b'"]),
    ("run", 3, ["must be of type string"]),
    ("seeds", [], ["must have at least 1"]),
    ("seeds", [0, 0], ["must not repeat"]),
    ("seeds", [0, -1], ["seeds.1", "must be at least 0", "found -1"]),
    ("seeds", 0, ["must be of type array"]),
    ("data", None, ["must be of type object", "found None"]),
    ("data", "digits", ["must be of type object"]),
    ("data.source", "mnist", ["digits", "folder", "found 'mnist'"]),
    ("data.path", 3, ["string", "null"]),
    ("data.size", 7, ["must be at least 8"]),
    ("data.size", 1025, ["must be at most 1024"]),
    ("data.size", "32", ["must be of type integer", "found '32'"]),
    ("data.size", 32.5, ["must be of type integer"]),
    ("data.size", True, ["must be of type integer"]),
    ("data.test_fraction", 0, ["must be greater than 0"]),
    ("data.test_fraction", 1, ["must be less than 1"]),
    ("data.on_bad_image", "ignore", ["fail", "skip"]),
    ("model.source", "keras:resnet50", ["must match", "torchvision"]),
    ("model.mean", [0.5], ["must have at least 3"]),
    ("model.std", [1, 1, 1, 1], ["must have at most 3"]),
    ("model.std", [1, 0, 1], ["model.std.1", "must be greater than 0"]),
    ("model.arguments", [], ["must be of type object"]),
    ("training.batch_size", 1, ["must be at least 2"]),
    ("training.schedule", "linear", ["one-cycle", "cosine"]),
    ("training.momentum", 1.0, ["must be less than 1"]),
    ("training.learning_rate", "1e-5", ["must be of type number", "found '1e-5'"]),
    ("training.learning_rate", float("nan"), ["found nan"]),
    ("training.learning_rate", float("inf"), ["found inf"]),
    ("training.augment.scale", [0.5, 1.5], ["training.augment.scale.1", "must be at most 1"]),
    ("training.augment.flip", "no", ["must be of type boolean"]),
    ("training.shuffle_labels", 1, ["must be of type boolean"]),
    ("training.epochs", 12.0, ["must be of type integer", "found 12.0"]),  # which is no count of epochs in Python
    ("training.checkpoints", [1.0], ["found 1.0"]),
    ("training.checkpoints", "some", ["all", "list"]),
    ("training.checkpoints", 3, ["all", "list"]),
    ("training.checkpoints", [1, -1], ["training.checkpoints.1", "must be at least 0"]),
    ("training.checkpoints", [1, 1], ["must not repeat"]),
    ("activations.shards", 0, ["must be at least 1"]),
    ("activations.layers", [], ["must have at least 1"]),
    ("activations.layers", ["stem", "a/b"], ["activations.layers.1", "must match"]),
    ("activations.dtype", "float64", ["float32", "float16"]),
    ("probes.folds", 2, ["must be at least 3"]),
    ("probes.penalties", [0.1, 0], ["probes.penalties.1", "must be at least 1e-06"]),
    ("questions.confidence", 1, ["must be less than 1"]),
    ("questions.redundancy.share", 0, ["must be greater than 0"]),
    ("questions.redundancy.subsets", 0, ["must be at least 1"]),
    ("questions.noise", [], ["must have at least 1"]),
    ("questions.noise", [0.1, 0], ["questions.noise.1", "must be greater than 0"]),
    ("questions.noise", [0.1, 0.1], ["must not repeat"]),
    ("questions.noise_images", 1, ["must be at least 2"]),
    ("figures.examples", 5, ["4", "9", "16"]),
    ("figures.dpi", 5000, ["must be at most 1200"]),
]


@pytest.mark.parametrize(("key", "value", "said"), REFUSED, ids=[f"{k}={v!r}" for k, v, _ in REFUSED])
def test_a_value_that_is_not_allowed_is_told_with_its_full_key_and_what_is(schema, defaults, key, value, said):
    text = refusal(changed(defaults, key, value), schema)
    assert text.startswith(f"config key {key}")
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
def test_an_unknown_key_is_told_with_its_full_path_and_the_nearest(schema, defaults, key, meant, among):
    text = refusal(changed(defaults, key, 1), schema)
    assert text.startswith(f"config key {key} is unknown (did you mean {meant}?); allowed here: ")
    assert among in text


def test_an_unknown_key_that_resembles_none_gets_the_list_alone(schema, defaults):
    text = refusal(changed(defaults, "figures.xyzzy", 1), schema)
    assert text == "config key figures.xyzzy is unknown; allowed here: dpi, examples"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data.source": "folder"}, ["data.path", "data.source"]),
        ({"data.source": "folder", "data.path": ""}, ["data.path"]),
        ({"data.superclasses": "nowhere.csv"}, ["data.superclasses", "'nowhere.csv'"]),
        ({"data.superclasses": ""}, ["data.superclasses"]),
        ({"activations.shards": 3, "data.shards": 2}, ["activations.shards", "data.shards (2)", "found 3"]),
        ({"training.checkpoints": [1, 13]}, ["training.checkpoints", "training.epochs (12)", "found 13"]),
        ({"training.tasks_per_node": 2}, ["training.launcher", "submitit", "training.tasks_per_node"]),
        ({"training.augment": {"scale": [0.9, 0.5], "flip": False}}, ["training.augment.scale", "smallest"]),
    ],
)
def test_keys_that_contradict_each_other_are_told(schema, defaults, changes, said):
    settings = defaults
    for key, value in changes.items():
        settings = changed(settings, key, value)
    text = refusal(settings, schema)
    assert text.startswith("config key ")
    for part in said:
        assert part in text


@pytest.mark.parametrize(("studied", "count"), [(None, 6), (2, 2)])
def test_all_shards_are_studied_unless_fewer_are_asked_for(studied, count):
    assert config.studied_shards({"activations": {"shards": studied}, "data": {"shards": 6}}) == count
