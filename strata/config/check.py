"""The configuration, checked before anything runs, with errors that a person can act on."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from strata.config.keys import Comparison, Config, Section, section_of
from strata.config.words import allowed_in, allowed_of, told_in_full
from strata.errors import StrataError
from strata.features.methods import METHODS
from strata.images.sources import source_of
from strata.probes.families import FAMILIES


def checked(config: Mapping[str, Any]) -> Config:
    """Return the configuration, defaults filled in.

    Parameters
    ----------
    config
        As read from YAML.

    Raises
    ------
    StrataError
        Names the full path of the offending key, what is allowed and what was found.
    """
    try:
        found = Config.model_validate(config)
    except ValidationError as error:
        raise StrataError(_explained(error, config)) from error
    _check_across_keys(found)
    return found


def compared(config: Mapping[str, Any]) -> Comparison:
    """Return which runs are compared; `model_fields_set` tells whether the configuration is that of a comparison.

    Parameters
    ----------
    config
        As read from YAML; other keys are left aside.

    Raises
    ------
    StrataError
        Names the offending key, what is allowed and what was found.
    """
    given = {key: config[key] for key in Comparison.model_fields if key in config}
    try:
        return Comparison.model_validate(given)
    except ValidationError as error:
        key = str(error.errors()[0]["loc"][0])
        allowed = allowed_of(Comparison.model_fields[key])
        raise StrataError(
            f"config key {key} must be {allowed} (of `snakemake compare` alone); {_shown(given[key], allowed)}"
        ) from error


def _explained(error: ValidationError, config: Mapping[str, Any]) -> str:
    """Say what is wrong first, an unknown key before a wrong value."""
    details = sorted(error.errors(), key=lambda detail: detail["type"] != "extra_forbidden")
    path, section, field, _ = _found(details[0]["loc"])
    # Of a choice (all, or a list), the error of the kind that was meant: one about what is in it.
    same = [d for d in details if _found(d["loc"])[0] == path]
    detail = next((d for d in same if d["type"] == "value_error" or _item(d) is not None), details[0])
    kind, item = detail["type"], _item(detail)
    if kind in ("extra_forbidden", "invalid_key"):
        return _unknown(path, section)
    value = _value_at(config, path)
    if field is None:
        keys = f"({', '.join(section.model_fields)}){' or be null' if _may_be_null(path) else ''}"
        return f"config key {path} must hold keys {keys}; {_shown(value, '')}"
    if kind == "value_error":
        return f"config key {path} {detail['ctx']['error']}; {_shown(value, '')}{_about(field)}"
    if item is None:
        allowed = allowed_of(field)
        return f"config key {path} must be {allowed}; {_shown(value, allowed)}{_about(field)}"
    allowed = allowed_in(field)
    return f"config key {path}.{item} must be {allowed}; {_shown(value[item], allowed)}{_about(field)}"


def _item(detail: Any) -> int | None:
    """Return which entry of a list an error is about, if it is about one."""
    return next((step for step in _found(detail["loc"])[3] if isinstance(step, int)), None)


def _found(loc: Sequence[int | str]) -> tuple[str, type[Section], FieldInfo | None, Sequence[int | str]]:
    """Walk down to a key; return its path, the section that it is in or is, the key, and what of the way is left."""
    section: type[Section] = Config
    for depth, step in enumerate(loc):
        field = section.model_fields.get(str(step))
        inner = section_of(field) if field else None
        if inner is None:
            return ".".join(map(str, loc[: depth + 1])), section, field, loc[depth + 1 :]
        section = inner
    return ".".join(map(str, loc)), section, None, ()


def _may_be_null(path: str) -> bool:
    """Say whether a section may be left out."""
    above, _, key = path.rpartition(".")
    return NoneType in get_args((_found(above.split("."))[1] if above else Config).model_fields[key].annotation)


def _value_at(config: Any, path: str) -> Any:
    for step in path.split("."):
        config = {str(key): value for key, value in config.items()}[step]
    return config


def _unknown(path: str, section: type[Section]) -> str:
    key, known = path.rpartition(".")[2], list(section.model_fields)
    near = get_close_matches(key, known, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"config key {path} is unknown{hint}; allowed here: {', '.join(known)}"


def _shown(value: Any, allowed: str) -> str:
    """Say what was found, as YAML has it; of a number that was read as text, how it is written."""
    if value is None:
        return "found nothing"
    if isinstance(value, bool):
        return f"found {str(value).lower()}"
    if isinstance(value, str) and "number" in allowed and _is_number(value):
        written = _as_yaml(value, whole="whole number" in allowed)
        return f"found the text {value!r}, which YAML reads as a number if it is written {written}"
    return f"found {value!r}"


def _as_yaml(text: str, *, whole: bool) -> str:
    """Write a number as YAML wants it: in quotes none is one, and 1e-3 is none without a point and a sign."""
    digits, _, exponent = text.strip().lower().partition("e")
    if not exponent:
        return digits
    if whole and float(text).is_integer():
        return f"{float(text):.0f}"
    return f"{digits if '.' in digits else f'{digits}.0'}e{int(exponent):+d}"


def _is_number(text: str) -> bool:
    try:
        return isfinite(float(text))
    except ValueError:
        return False


def _about(field: FieldInfo) -> str:
    """Explain a key, unless what is allowed has done so."""
    return f" ({field.description})" if field.description and not told_in_full(field) else ""


def _check_across_keys(config: Config) -> None:
    """Check what involves two keys, or a file that a key names."""
    data, training, activations = config.data, config.training, config.activations
    if source_of(data.source).needs_path and not data.path:
        raise StrataError(f"config key data.path must name a directory when data.source is {data.source}")
    told = config.costs.images and config.costs.classes  # of images on another machine: a plan is all that is asked
    if data.path and not told and not Path(data.path).is_dir():
        raise StrataError(
            f"config key data.path: {data.path} is not a directory (to plan where the images are not, tell "
            "costs.images and costs.classes)"
        )
    for key in ("labels", "superclasses"):
        name = getattr(data, key)
        if name is not None and not Path(name).is_file():
            raise StrataError(f"config key data.{key} must name a CSV file; found {name!r}")
    if data.resize is not None and data.resize < data.size:
        raise StrataError(f"config key data.resize must be at least data.size ({data.size}); found {data.resize}")
    if config.studied_shards > data.shards:
        raise StrataError(
            f"config key activations.shards must be at most data.shards ({data.shards}); found {activations.shards}"
        )
    if METHODS[config.features.method].rows_from == "all" and config.features.jobs > 1:
        raise StrataError(
            f"config key features.jobs must be 1, because {config.features.method} fits the images of all classes "
            f"together; found {config.features.jobs}"
        )
    _check_sample(config)
    _check_model(config)
    if training.checkpoints != "all" and max(training.checkpoints, default=0) > training.epochs:
        raise StrataError(
            f"config key training.checkpoints must not go beyond training.epochs ({training.epochs}); "
            f"found {max(training.checkpoints)}"
        )
    if training.launcher == "local" and training.nodes * training.tasks_per_node > 1:
        raise StrataError(
            "config key training.launcher must be submitit for training.nodes or training.tasks_per_node above 1"
        )
    if training.augment.scale[0] > training.augment.scale[1]:
        raise StrataError("config key training.augment.scale must be [smallest, largest]")


def _check_sample(config: Config) -> None:
    method, family = config.features.method, config.probes.family
    if config.activations.sample == "stratified":
        return
    if METHODS[method].rows_from == "all":
        raise StrataError(
            f"config key activations.sample must be stratified with features.method: {method}, whose features "
            "come from no class that could be enriched; found 'enriched'"
        )
    if not FAMILIES[family].enriched:
        offered = ", ".join(name for name, record in FAMILIES.items() if record.enriched)
        raise StrataError(
            f"config key activations.sample must be stratified with probes.family: {family}; enriched is offered with "
            f"{offered} alone"
        )


def _check_model(config: Config) -> None:
    model, seeds = config.model, config.seeds
    place = model.source.partition(":")[0]
    if model.weights and place not in ("torchvision", "timm"):
        raise StrataError(
            f"config key model.weights must be null, because {place} publishes none; name files in checkpoints"
        )
    if model.weights and model.checkpoints:
        raise StrataError(
            "config keys model.weights and model.checkpoints exclude each other; one of them must be null"
        )
    if (model.weights or model.checkpoints) and len(seeds) > 1:
        raise StrataError(f"config key seeds must have one entry where the network is not trained here; found {seeds}")
    if config.controls.shuffled_labels and (model.weights or model.checkpoints or config.training.shuffle_labels):
        own = config.training.shuffle_labels
        why = "training.shuffle_labels does that to the run's own" if own else "the network is not trained here"
        raise StrataError(f"config key controls.shuffled_labels must be false, because {why}; found true")
