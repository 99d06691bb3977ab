"""What a script does: a digest of the code that it reaches, so that editing a module reruns just what uses it.

Snakemake sees a change of a script, and of nothing that the script imports; so every rule has this digest among its
params. It is of what code does: docstrings, comments and formatting do not count. Modules that only state things
(catalogues and configuration) count by the records and values that a rule has of them, or a new record would rerun
everything.
"""

import ast
import json
import re
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from strata import store
from strata.errors import StrataError

PACKAGE = Path(__file__).parent
# What files do, by a digest of their text: parsing takes most of a second.
KNOWN = Path(".snakemake", "strata", "code.json")
# Their records name functions; what is not a record in them counts as code.
CATALOGUES = {
    "claims/controls.py",
    "features/methods.py",
    "figures/catalogue.py",
    "images/sources.py",
    "measures/catalogue.py",
    "probes/families.py",
}
_FUNCTION = re.compile(r"strata(\.\w+)+(:\w+)?")


def digest(script: str | Path, *records: Any) -> str:
    """Return a digest of what a script does.

    Parameters
    ----------
    script
        Its file.
    *records
        Records of catalogues that it is given, which name functions that it then uses; or such names alone.
    """
    files = reached(Path(script), *records)
    found = store.digest([_does(Path(script)), *map(_does, files), *map(repr, records)])
    _remember()
    return found


def reached(script: Path, *records: Any) -> list[Path]:
    """Return the modules of this package that a script imports, or records name, directly or through each other.

    Parameters
    ----------
    script
        Its file.
    *records
        Records of catalogues that it is given, which name functions that it then uses; or such names alone.
    """
    found: set[Path] = set()
    waiting = [*_imported(script)]
    for record in records:
        told = [record] if isinstance(record, str) else vars(record).values()
        named = (value for value in told if isinstance(value, str) and _FUNCTION.fullmatch(value))
        waiting += _modules(name.partition(":")[0] for name in named)
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += _imported(file)
    return sorted(found)


@cache
def _imported(file: Path) -> list[Path]:
    """Return the modules of this package that a file imports, anywhere in it but for type checkers."""
    return _modules(_told(file)["imports"])


def _does(file: Path) -> str:
    """Return a digest of a file's code."""
    return str(_told(file)["does"])


@cache
def _told(file: Path) -> dict[str, Any]:
    """Return what a file does and imports: as told before of the same text, else by parsing it."""
    text = file.read_text()
    key = store.digest([_own_text(), str(file.is_relative_to(PACKAGE) and file.relative_to(PACKAGE)), text])
    if key not in _before():
        tree = ast.parse(text)
        _before()[key] = {"imports": sorted(_imports(file, tree)), "does": store.digest([_code(file, tree)])}
        _before()["new"] = True
    return _before()[key]


@cache
def _before() -> dict[str, Any]:
    try:
        return dict(json.loads(KNOWN.read_text()))
    except (OSError, ValueError):
        return {}


def _remember() -> None:
    if _before().pop("new", False):
        with suppress(StrataError):  # it only saves time
            store.write_bytes(KNOWN, json.dumps(_before()).encode())


@cache
def _own_text() -> str:
    return Path(__file__).read_text()


def _imports(file: Path, tree: ast.Module) -> set[str]:
    names = set()
    for node in _nodes(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(file, node)
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.startswith("strata.")}


def _nodes(node: ast.AST) -> Iterable[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield from _nodes(child)


def _absolute(file: Path, node: ast.ImportFrom) -> str:
    """Return the module that is imported from, by its full name."""
    if not node.level:
        return node.module or ""
    package = file.parents[node.level - 1].relative_to(PACKAGE.parent).parts
    return ".".join([*package, *([node.module] if node.module else [])])


def _modules(names: Iterable[str]) -> list[Path]:
    """Return the files of modules of this package, by their names; configuration counts by its values."""
    own = [PACKAGE.joinpath(*name.split(".")[1:]) for name in names]
    files = [file for path in own for file in (path.with_suffix(".py"), path / "__init__.py")]
    return [file for file in files if file.exists() and file.parent != PACKAGE / "config"]


def _code(file: Path, tree: ast.Module) -> str:
    """Return code without what changes nothing: docstrings, comments, formatting; records of a catalogue."""
    if file.is_relative_to(PACKAGE) and file.relative_to(PACKAGE).as_posix() in CATALOGUES:
        tree.body = [node for node in tree.body if not _is_record(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    return ast.dump(tree)


def _is_record(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.DictComp | ast.Dict)
