"""Which modules of Strata a script reaches, so that editing one reruns just what uses it."""

import ast
from collections.abc import Iterable
from pathlib import Path

from strata import store

PACKAGE = Path(__file__).parent


def reached(script: str | Path) -> list[Path]:
    """Return the modules of this package that a script imports, directly or through each other."""
    found: set[Path] = set()
    waiting = [Path(script)]
    while waiting:
        new = _imported(waiting.pop()) - found
        found |= new
        waiting += new
    return sorted(found)


def digest(script: str | Path) -> str:
    """Return a digest of the sources that a script reaches."""
    return digest_of_files(reached(script))


def digest_of_files(files: Iterable[Path]) -> str:
    """Return a digest of the text of some files."""
    return store.digest(file.read_text() for file in files)


def _imported(file: Path) -> set[Path]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    own = [PACKAGE.joinpath(*name.split(".")[1:]) for name in names if name.startswith("strata.")]
    files = [file for path in own for file in (path.with_suffix(".py"), path / "__init__.py")]
    return {file for file in files if file.exists()}
