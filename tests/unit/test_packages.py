"""The face of the library: every package says what it is and what is in it."""

import ast
import importlib
import re
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


def test_every_parameter_of_a_public_function_is_described():
    """Of two or more; the docstring of a function of one tells what it is, or describes it as well."""
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        for name, function, bound in _public(ast.parse(path.read_text())):
            taken = _parameters(function)[bound:]
            missing = [one for one in taken if one not in _described(ast.get_docstring(function) or "")]
            if len(taken) > 1 and missing:
                wrong.append(f"{path.relative_to(ROOT)}: {name} does not describe {', '.join(missing)}")
    assert wrong == []


def _public(parent, of=""):
    """Yield name, node, and whether self or cls comes first, of functions and methods; those nested are left out."""
    for node in parent.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _public(node, f"{of}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)
            yield f"{of}{node.name}", node, bool(of) and not static


def _parameters(function):
    args = function.args
    names = [arg.arg for arg in args.posonlyargs + args.args]
    names += [f"*{args.vararg.arg}"] if args.vararg else []
    names += [arg.arg for arg in args.kwonlyargs]
    return names + ([f"**{args.kwarg.arg}"] if args.kwarg else [])


def _described(doc):
    """Return the names that the section of parameters has, each with an indented line below."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[^\n]*\n-{3,}$|\Z)", doc, re.M | re.S)
    entries = re.findall(r"^(\S[^\n]*)\n +\S", section[1], re.M) if section else []
    return [name.strip() for entry in entries for name in entry.partition(" : ")[0].split(",")]
