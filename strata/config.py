"""The configuration: checked against its schema, with errors that a person can act on."""

import math
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend

from strata import series
from strata.errors import StrataError

Config = dict[str, Any]

# Stricter than JSON Schema, which takes 12.0 for an integer, and .nan and .inf for numbers within any range.
_TYPES = {
    "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda _, value: isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value),
}
_Validator = extend(Draft202012Validator, type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(_TYPES))


def checked(config: Config, schema_file: str | Path) -> Config:
    """Return the configuration with defaults filled in.

    Parameters
    ----------
    config
        As read from YAML.
    schema_file
        The JSON schema, as YAML.

    Raises
    ------
    StrataError
        Names the full path of the offending key and what is allowed.
    """
    schema = yaml.safe_load(Path(schema_file).read_text())
    filled = _with_defaults(config, schema)
    error = best_match(_Validator(schema).iter_errors(filled))
    if error is not None:
        raise StrataError(_explain(error))
    _check_across_keys(filled)
    return filled


def studied_shards(config: Config) -> int:
    """Return how many of the image shards are studied (the first ones)."""
    return config["activations"]["shards"] or config["data"]["shards"]


def _with_defaults(value: Any, schema: dict[str, Any]) -> Any:
    """Fill in defaults; keys come out in the schema's order, or another order in the files would change params."""
    if not isinstance(value, dict):
        return value
    sections = schema.get("properties", {})
    known = [key for key in sections if key in value or "default" in sections[key]]
    filled = {key: _with_defaults(value.get(key, sections[key].get("default")), sections[key]) for key in known}
    return filled | {key: value[key] for key in sorted(value.keys() - filled.keys(), key=str)}


def _explain(error: ValidationError) -> str:
    path = ".".join(str(step) for step in error.absolute_path)
    schema, found = error.schema, cast(Any, error.instance)
    assert isinstance(schema, dict)
    if error.validator == "additionalProperties":
        known = list(schema["properties"])
        key = next(name for name in found if name not in known)
        near = get_close_matches(str(key), known, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        full = f"{path}.{key}" if path else key
        return f"config key {full} is unknown{hint}; allowed here: {', '.join(known)}"
    allowed = {
        "type": f"must be of type {schema.get('type')}",
        "enum": f"must be one of {schema.get('enum')}",
        "minimum": f"must be at least {schema.get('minimum')}",
        "maximum": f"must be at most {schema.get('maximum')}",
        "exclusiveMinimum": f"must be greater than {schema.get('exclusiveMinimum')}",
        "exclusiveMaximum": f"must be less than {schema.get('exclusiveMaximum')}",
        "pattern": f"must match {schema.get('pattern')}",
        "minItems": f"must have at least {schema.get('minItems')} entries",
        "maxItems": f"must have at most {schema.get('maxItems')} entries",
        "uniqueItems": "must not repeat an entry",
        "anyOf": "must be all or a list of epochs",
    }.get(str(error.validator), f"is not allowed ({error.message})")
    about = schema.get("description")
    return f"config key {path} {allowed}; found {found!r}" + (f" ({about})" if about else "")


def _check_across_keys(config: Config) -> None:
    """Check what involves two keys, and so is beyond a schema."""
    data, training, activations = config["data"], config["training"], config["activations"]
    if data["source"] not in ("digits", "shapes") and not data["path"]:
        raise StrataError(f"config key data.path must name a directory when data.source is {data['source']}")
    if data["labels"] is not None and not Path(data["labels"]).is_file():
        raise StrataError(f"config key data.labels must name a CSV file; found {data['labels']!r}")
    if data["resize"] is not None and data["resize"] < data["size"]:
        raise StrataError(f"config key data.resize must be at least data.size ({data['size']}); found {data['resize']}")
    if data["superclasses"] is not None and not Path(data["superclasses"]).is_file():
        raise StrataError(f"config key data.superclasses must name a CSV file; found {data['superclasses']!r}")
    if (activations["shards"] or 1) > data["shards"]:
        raise StrataError(
            f"config key activations.shards must be at most data.shards ({data['shards']}); "
            f"found {activations['shards']}"
        )
    _check_model(config["model"], config["seeds"])
    if training["checkpoints"] != "all" and max(training["checkpoints"], default=0) > training["epochs"]:
        raise StrataError(
            f"config key training.checkpoints must not go beyond training.epochs "
            f"({training['epochs']}); found {max(training['checkpoints'])}"
        )
    if training["launcher"] == "local" and training["nodes"] * training["tasks_per_node"] > 1:
        raise StrataError(
            "config key training.launcher must be submitit for training.nodes or training.tasks_per_node above 1"
        )
    if training["augment"]["scale"][0] > training["augment"]["scale"][1]:
        raise StrataError("config key training.augment.scale must be [smallest, largest]")


def _check_model(model: Config, seeds: list[int]) -> None:
    place = model["source"].partition(":")[0]
    if model["weights"] and place not in ("torchvision", "timm"):
        raise StrataError(
            f"config key model.weights must be null, because {place} publishes none; name files in checkpoints"
        )
    if model["weights"] and model["checkpoints"]:
        raise StrataError(
            "config keys model.weights and model.checkpoints exclude each other; one of them must be null"
        )
    if not series.trained_here(model) and len(seeds) > 1:
        raise StrataError(f"config key seeds must have one entry where the network is not trained here; found {seeds}")
