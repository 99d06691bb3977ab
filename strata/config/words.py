"""What a key allows, in words: for errors and for the table of keys."""

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

_LIMITS = {"ge": "of at least", "gt": "above", "le": "at most", "lt": "below"}


def allowed_of(field: FieldInfo) -> str:
    """Return what may stand under a key."""
    return told_in_full(field) or _words(field.annotation, field.metadata)


def told_in_full(field: FieldInfo) -> str:
    """Return what its statement says that may stand under a key; nothing, where type and limits say it."""
    extra = field.json_schema_extra
    assert isinstance(extra, dict)
    return str(extra["allowed"])


def allowed_in(field: FieldInfo) -> str:
    """Return what an entry of the list under a key may be."""
    for kind in _kinds(field.annotation):
        if get_origin(kind) is list:
            words = _words(get_args(kind)[0])
            return told_in_full(field) or words if words == "text" else words
    return allowed_of(field)


def _kinds(annotation: Any) -> list[Any]:
    """Return the kinds of a choice, those that are annotated bare."""
    kinds = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return [get_args(kind)[0] if get_origin(kind) is Annotated else kind for kind in kinds]


def _words(annotation: Any, limits: Any = ()) -> str:
    if get_origin(annotation) is Annotated:
        annotation, *limits = get_args(annotation)
        limits = [limit for given in limits for limit in getattr(given, "metadata", [given])]
    return " or ".join(_one(kind, limits) for kind in sorted(_kinds(annotation), key=lambda k: k is NoneType))


def _one(kind: Any, limits: Any) -> str:
    if kind is NoneType:
        return "null"
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    if get_origin(kind) is list:
        return f"a list of {_length(limits)}{_several(_words(get_args(kind)[0]))}"
    if kind in (int, float):
        return f"a {'whole ' if kind is int else ''}number{_range(limits)}"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"keys ({', '.join(kind.model_fields)})"
    if kind is str:
        return "non-empty text" if any(getattr(limit, "min_length", 0) for limit in limits) else "text"
    return "true or false" if kind is bool else "keys with values"


def _range(limits: Any) -> str:
    told = {name: getattr(limit, name) for limit in limits for name in _LIMITS if hasattr(limit, name)}
    if set(told) == {"ge", "le"}:
        return f" from {told['ge']} to {told['le']}"
    return "".join(f" {'and ' if i else ''}{_LIMITS[name]} {limit}" for i, (name, limit) in enumerate(told.items()))


def _length(limits: Any) -> str:
    low = next((limit.min_length for limit in limits if hasattr(limit, "min_length")), 0)
    high = next((limit.max_length for limit in limits if hasattr(limit, "max_length")), None)
    return f"{low} " if low and low == high else f"at least {low} " if low else ""


def _several(words: str) -> str:
    if words.startswith("one of"):
        return f"entries, each {words}"
    return words.replace("a whole number", "whole numbers").replace("a number", "numbers").replace("text", "texts")
