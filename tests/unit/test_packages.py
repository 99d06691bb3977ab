"""The face of the library: every package says what it is and what is in it."""

import ast
import importlib
from pathlib import Path

import pytest

import strata

ROOT = Path(strata.__file__).parent
PACKAGES = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_tells_its_modules_and_what_they_are(name):
    package = importlib.import_module(f"strata.{name}")
    modules = sorted(path.stem for path in (ROOT / name).glob("*.py") if path.stem != "__init__")
    assert package.__all__ == modules
    for own in [ROOT / name / "__init__.py", *(ROOT / name / f"{module}.py" for module in modules)]:
        doc = ast.get_docstring(ast.parse(own.read_text()))
        assert doc, own
        assert doc.splitlines()[0].endswith("."), own


def test_what_the_library_offers_is_there():
    for name in strata.__all__:
        assert getattr(strata, name)
    with pytest.raises(AttributeError, match="no attribute 'loads'"):
        strata.loads  # noqa: B018


def test_public_functions_take_beyond_the_second_by_keyword_alone():
    """But for `self`; catalogues are given what they hold by keyword too."""
    wrong = []
    for path in ROOT.rglob("*.py"):
        tree = ast.parse(path.read_text())
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name != "NamingTracer"]
        for node in [*tree.body, *(inner for own in classes for inner in own.body)]:  # the tracer overrides torch's
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                taken = [arg.arg for arg in node.args.posonlyargs + node.args.args if arg.arg not in ("self", "cls")]
                if len(taken) > 2:
                    wrong.append(f"{path.relative_to(ROOT)}: {node.name}({', '.join(taken)})")
    assert wrong == []
