"""What a script does: a digest of the code that it reaches, so that editing a module reruns just what uses it.

Snakemake sees a change of a script, and of nothing that the script imports; so every rule has this digest among its
params. It is of what code does: docstrings, comments and formatting do not count. Modules that only state things
(catalogues and configuration) count by the records and values that a rule has of them, or a new record would rerun
everything.
"""

import ast
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from strata import store

PACKAGE = Path(__file__).parent
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
    return store.digest([_does(Path(script)), *map(_does, files), *map(repr, records)])


def reached(script: Path, *records: Any) -> list[Path]:
    """Return the modules of this package that a script imports, or records name, directly or through each other."""
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
def _imported(file: Path) -> frozenset[Path]:
    """Return the modules of this package that a file imports, anywhere in it but for type checkers."""
    names = set()
    for node in _nodes(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(file, node)
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return frozenset(_modules(names))


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
    own = [PACKAGE.joinpath(*name.split(".")[1:]) for name in names if name.startswith("strata.")]
    files = [file for path in own for file in (path.with_suffix(".py"), path / "__init__.py")]
    return [file for file in files if file.exists() and file.parent != PACKAGE / "config"]


@cache
def _does(file: Path) -> str:
    """Return a file's code without what changes nothing: docstrings, comments, formatting; records of a catalogue."""
    tree = ast.parse(file.read_text())
    if file.is_relative_to(PACKAGE) and file.relative_to(PACKAGE).as_posix() in CATALOGUES:
        tree.body = [node for node in tree.body if not _is_record(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    return ast.dump(tree)


def _is_record(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.DictComp | ast.Dict)
