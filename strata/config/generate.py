"""What is generated from the one statement of the keys: the JSON schema, `config/config.yaml`, and the table of keys.

`python -m strata.config.generate` writes them; with `--check`, it tells which of them is not what it would write.
"""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic.fields import FieldInfo

from strata import store
from strata.config.keys import Config, Section, section_of
from strata.config.words import allowed_of

_ROOT = Path(__file__).parents[2]
_WIDTH, _COLUMN = 120, 29  # of a line; where comments begin
_BEGIN, _END = "<!-- generated: keys -->\n", "<!-- end -->\n"
_HEADER = """\
# The embedded default: handwritten digits, a small residual network, minutes on two cores.
# Every key is here. An overlay (`snakemake --configfile mine.yaml`) names only what differs.
# Made by `python -m strata.config.generate` from strata/config/keys.py; ranges, and what a change of a key reruns:
# docs/configuration.md.
"""


def schema() -> str:
    """Return the JSON schema, as YAML: what editors check a configuration with."""
    told = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}
    return yaml.safe_dump(_bare(told), sort_keys=False, width=_WIDTH, allow_unicode=True)


def defaults() -> str:
    """Return the embedded default: every key with its explanation."""
    return "\n".join([_HEADER, *_lines(Config, 0)]) + "\n"


def reruns() -> dict[str, str]:
    """Return every key, and what a change of it reruns from."""
    return {path: _extra(field)["reruns"] or "nothing" for path, field in _keys(Config)}


def table() -> str:
    """Return the table of keys, in Markdown."""
    told = reruns()
    rows = [
        f"| `{path}` | {allowed_of(field)} | `{_value(field.default)}` | {told[path]} |"
        for path, field in _keys(Config)
    ]
    return "\n".join(["| key | allowed | default | a change reruns from |", "|---|---|---|---|", *rows]) + "\n"


def generated() -> dict[Path, str]:
    """Return what every generated file should hold."""
    page = _ROOT / "docs" / "configuration.md"
    before, _, rest = page.read_text().partition(_BEGIN)
    return {
        _ROOT / "workflow" / "schemas" / "config.schema.yaml": schema(),
        _ROOT / "config" / "config.yaml": defaults(),
        page: f"{before}{_BEGIN}{table()}{_END}{rest.partition(_END)[2]}",
    }


def main() -> None:
    """Write the generated files, or check them."""
    stale = {path: text for path, text in generated().items() if path.read_text() != text}
    if "--check" not in sys.argv[1:]:
        for path, text in stale.items():
            store.write_bytes(path, text.encode())
    elif stale:
        names = ", ".join(str(path.relative_to(_ROOT)) for path in stale)
        sys.exit(f"{names}: not what strata/config/keys.py says; run python -m strata.config.generate")


def _keys(section: type[Section], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in section.model_fields.items():
        inner = section_of(field)
        if inner and field.default_factory:
            yield from _keys(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def _lines(section: type[Section], depth: int) -> Iterator[str]:
    """Yield the lines of a section of YAML, comments at one column."""
    for name, field in section.model_fields.items():
        inner = section_of(field) if field.default_factory else None
        if inner:
            if not depth:
                yield ""
            yield from _commented(f"{'  ' * depth}{name}:", field.description or "")
            yield from _lines(inner, depth + 1)
        else:
            yield from _commented(f"{'  ' * depth}{name}: {_value(field.default)}", field.description or "")


def _commented(line: str, comment: str) -> Iterator[str]:
    if not comment:
        yield line
        return
    column = max(_COLUMN, len(line) + 2)
    room = _WIDTH - column - 2
    if room < 40:  # a long value: its comment stands above it
        indent = line[: len(line) - len(line.lstrip())]
        yield from (f"{indent}# {part}" for part in textwrap.wrap(comment, _WIDTH - len(indent) - 2))
        yield line
        return
    first, *more = textwrap.wrap(comment, room, break_on_hyphens=False)
    yield f"{line.ljust(column)}# {first}"
    yield from (f"{' ' * column}# {part}" for part in more)


def _value(value: Any) -> str:
    """Write a default as YAML has it, on one line."""
    if isinstance(value, float):
        text = f"{value:g}"
        return f"{value:.1e}".replace("e-0", "e-") if "e" in text else text if "." in text else f"{text}.0"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _extra(field: FieldInfo) -> dict[str, Any]:
    extra = field.json_schema_extra
    assert isinstance(extra, dict)
    return extra


def _bare(node: Any) -> Any:
    """Return a schema without what is ours, and without titles made of names."""
    if isinstance(node, dict):
        named = {"properties", "$defs"}
        return {
            key: {name: _bare(inner) for name, inner in value.items()} if key in named else _bare(value)
            for key, value in node.items()
            if key not in ("title", "reruns", "allowed")
        }
    return [_bare(item) for item in node] if isinstance(node, list) else node


if __name__ == "__main__":
    main()
