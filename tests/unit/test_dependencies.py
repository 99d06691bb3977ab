import ast
import re
import shutil

import pytest

from strata import dependencies

# The stages, in the order of the data.
STAGES = ["images", "networks", "activations", "features", "probes", "measures", "claims", "figures"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A working directory of its own, for what is remembered of files."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A package with a → b → c and d apart, and a script that imports a."""
    package = tmp_path / "strata"
    package.mkdir()
    (package / "a.py").write_text("import os\nfrom strata import b\n")
    (package / "b.py").write_text("def late():\n    import strata.c\n    return strata.c.thing\n")
    (package / "c.py").write_text("from strata.a import b\nthing = 1\n")  # a cycle ends too
    (package / "d.py").write_text("import strata.b\n")
    script = tmp_path / "script.py"
    script.write_text("import numpy\nfrom strata import a\n")
    monkeypatch.setattr(dependencies, "PACKAGE", package)
    return package, script


def digest(script, *records):
    """Return the digest as another run of Snakemake has it, which reads all files anew."""
    _forget()
    return dependencies.digest(script, *records)


def reached(script, *records):
    _forget()
    return dependencies.reached(script, *records)


def _forget():
    for function in (dependencies._told, dependencies._imported, dependencies._before, dependencies._own_text):
        function.cache_clear()


def add(file, text):
    file.parent.mkdir(exist_ok=True)
    file.write_text((file.read_text() if file.exists() else "") + text)


def test_a_script_reaches_what_it_imports_directly_and_through_others(copy):
    package, script = copy
    assert reached(script) == [package / f"{name}.py" for name in "abc"]


@pytest.mark.parametrize("module", ["a", "b", "c"])
def test_the_digest_changes_with_every_reached_module(copy, module):
    package, script = copy
    before = digest(script)
    add(package / f"{module}.py", "edited = True\n")
    assert digest(script) != before


def test_the_digest_ignores_other_modules(copy):
    package, script = copy
    before = digest(script)
    (package / "d.py").write_text("changed = True\n")
    assert digest(script) == before


def test_the_digest_changes_with_the_script_and_what_it_imports_then(copy):
    package, script = copy
    before = digest(script)
    add(script, "edited = True\n")
    edited = digest(script)
    assert edited != before
    add(script, "import strata.d\n")
    assert package / "d.py" in reached(script)
    imports_more = digest(script)
    assert imports_more != edited
    add(package / "d.py", "edited = True\n")
    assert digest(script) != imports_more


WRITTEN = '''"""A module."""
# Of a kind.
def twice(x):
    """Return it twice."""
    return 2 * x

class Kind:
    """A kind."""
    size = 1
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""A module."""', '"""Another module.\n\nOf a kind.\n"""'),
        ('"""A module."""\n', ""),
        ('"""Return it twice."""', '"""Return it two times."""'),
        ('"""A kind."""', '"""Another kind."""'),
        ("# Of a kind.\n", ""),
        ("2 * x", "(2\n    * x)  # doubled"),
        ("\n\nclass", "\n\n\n\nclass"),
    ],
    ids=["module", "no docstring", "function", "class", "comment", "formatting", "blank lines"],
)
@pytest.mark.parametrize("place", ["strata/b.py", "script.py"])
def test_docstrings_comments_and_formatting_do_not_count(copy, tmp_path, place, old, new):
    _, script = copy
    imports = (tmp_path / place).read_text()
    (tmp_path / place).write_text(WRITTEN + imports)
    before = digest(script)
    assert old in WRITTEN
    (tmp_path / place).write_text(WRITTEN.replace(old, new) + imports)
    assert digest(script) == before


@pytest.mark.parametrize(("old", "new"), [("2 * x", "3 * x"), ("size = 1", "size = 2"), ("twice(x)", "twice(x, y=1)")])
@pytest.mark.parametrize("place", ["strata/b.py", "script.py"])
def test_what_code_does_counts(copy, tmp_path, place, old, new):
    _, script = copy
    (tmp_path / place).write_text(WRITTEN + (tmp_path / place).read_text())
    before = digest(script)
    assert old in WRITTEN
    (tmp_path / place).write_text((tmp_path / place).read_text().replace(old, new))
    assert digest(script) != before


@pytest.mark.parametrize(
    ("module", "text", "found"),
    [
        ("stage/one.py", "from . import two\n", {"stage/__init__", "stage/two"}),
        ("stage/one.py", "from .two import thing\n", {"stage/two"}),
        ("stage/one.py", "from .. import d\n", {"d"}),
        ("stage/one.py", "from ..d import thing\n", {"d"}),
        ("stage/__init__.py", "from .two import thing\n", {"stage/two"}),
        ("e.py", "from .stage.two import thing\n", {"stage/two"}),
        ("e.py", "from .stage import two\n", {"stage/__init__", "stage/two"}),
        ("e.py", "from strata.stage import two\n", {"stage/__init__", "stage/two"}),
        ("e.py", "import strata.stage\n", {"stage/__init__"}),
    ],
)
def test_relative_imports_and_packages_are_followed(copy, module, text, found):
    package, script = copy
    for file in ("stage/__init__.py", "stage/two.py"):
        add(package / file, "thing = 1\n")
    (package / "d.py").write_text("thing = 1\n")
    add(package / module, text)
    own = module.removesuffix(".py")
    name = own.removesuffix("/__init__").replace("/", ".")
    script.write_text(f"from strata import {name}\n" if "." not in name else f"import strata.{name}\n")
    assert {str(path.relative_to(package))[:-3] for path in reached(script)} == {own, *found}


def test_what_is_imported_for_type_checkers_alone_is_not_reached(copy):
    package, script = copy
    before = reached(script)
    add(package / "c.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from strata import d\n")
    assert reached(script) == before
    add(package / "c.py", "if True:\n    from strata import d\n")
    assert reached(script) == sorted([*before, package / "d.py"])


def test_configuration_counts_by_its_values(copy):
    package, script = copy
    add(package / "config" / "keys.py", "thing = 1\n")
    add(package / "config" / "__init__.py", "")
    add(script, "from strata.config import keys\nfrom strata.config.keys import thing\n")
    assert reached(script) == [package / f"{name}.py" for name in "abc"]
    before = digest(script)
    add(package / "config" / "keys.py", "edited = True\n")
    assert digest(script) == before


class Record:
    """A record of a catalogue, as dataclasses write themselves."""

    def __init__(self, function, about="one"):
        self.function, self.about = function, about

    def __repr__(self):
        return f"Record({self.function!r}, {self.about!r})"


@pytest.fixture
def catalogue(copy):
    """The script reads a catalogue, whose one record names a function in d."""
    package, script = copy
    text = 'def of(name):\n    return METHODS[name]\nMETHODS = {"one": "strata.d:run"}\n'
    add(package / "features" / "methods.py", text)
    add(script, "from strata.features.methods import METHODS\n")
    return package, script


@pytest.mark.parametrize("given", [Record("strata.d:run"), Record("strata.d"), "strata.d:run", "strata.d"])
def test_a_record_that_is_given_reaches_what_it_names(catalogue, given):
    package, script = catalogue
    alone = reached(script)
    assert package / "d.py" not in alone
    assert reached(script, given) == sorted([*alone, package / "d.py"])
    assert digest(script, given) != digest(script)
    before = digest(script, given), digest(script)
    add(package / "d.py", "edited = True\n")
    assert digest(script, given) != before[0]
    assert digest(script) == before[1]


def test_a_record_counts_where_it_is_given_with_all_that_it_says(catalogue):
    _, script = catalogue
    assert digest(script, Record("strata.d:run")) == digest(script, Record("strata.d:run"))
    assert digest(script, Record("strata.d:run")) != digest(script, Record("strata.d:run", "two"))


def test_records_in_a_catalogue_do_not_count_and_its_code_does(catalogue):
    package, script = catalogue
    before, file = digest(script), package / "features" / "methods.py"
    text = file.read_text()
    file.write_text(text.replace('"one":', '"zero": "strata.b", "one":'))
    assert digest(script) == before
    file.write_text(text.replace("[name]", "[name[0]]"))
    assert digest(script) != before


def test_records_elsewhere_count(catalogue):
    package, script = catalogue
    add(package / "c.py", 'METHODS = {"one": "strata.d:run"}\n')
    before = digest(script)
    (package / "c.py").write_text((package / "c.py").read_text().replace('"one"', '"two"'))
    assert digest(script) != before


def test_what_was_remembered_of_files_changes_nothing(copy, tmp_path):
    package, script = copy
    first = digest(script)
    known = tmp_path / dependencies.KNOWN
    assert known.exists()
    assert digest(script) == first
    known.write_text("no JSON")
    assert digest(script) == first
    add(package / "b.py", "edited = True\n")
    edited = digest(script)
    assert edited != first
    known.unlink()
    assert digest(script) == edited


def stages(names):
    return {name.partition("/")[0] for name in names if "/" in name}


@pytest.mark.parametrize(
    ("script", "wanted", "apart"),
    [
        ("index.py", {"images/index", "images/sources", "store", "errors"}, STAGES[1:]),
        ("train.py", {"networks/train", "networks/build", "store"}, ["images", *STAGES[2:]]),
        ("probe.py", {"probes/probe", "store"}, ["images", "networks", "activations", "features", *STAGES[5:]]),
        ("draw.py", {"figures/draw", "claims/finding", "statistics"}, STAGES[:6]),
    ],
)
def test_the_real_scripts_reach_their_own_stage_and_not_the_others(root, script, wanted, apart):
    found = reached(root / "workflow" / "scripts" / script)
    names = {str(path.relative_to(dependencies.PACKAGE))[:-3] for path in found}
    assert wanted <= names
    assert not set(apart) & stages(names)


def test_editing_figures_changes_the_digest_of_scripts_that_draw_alone(root, tmp_path, monkeypatch):
    shutil.copytree(dependencies.PACKAGE, tmp_path / "strata")
    monkeypatch.setattr(dependencies, "PACKAGE", tmp_path / "strata")
    scripts = sorted((root / "workflow" / "scripts").glob("*.py"))
    before = {script.name: digest(script) for script in scripts}
    add(tmp_path / "strata" / "figures" / "draw.py", "edited = True\n")
    assert [s.name for s in scripts if digest(s) != before[s.name]] == ["compare.py", "draw.py"]


def test_catalogues_are_the_modules_that_name_functions_and_their_records_alone_do():
    def named(code):
        return re.findall(r"'strata(?:\.\w+)+(?::\w+)?'", code)

    found = set()
    for file in dependencies.PACKAGE.rglob("*.py"):
        text = file.read_text()
        constants = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
        if named(" ".join(map(repr, constants))):
            found.add(file.relative_to(dependencies.PACKAGE).as_posix())
            code = dependencies._code(file, ast.parse(text)).replace("module='strata.", "from='")  # of imports
            assert not named(code), file
    assert found == dependencies.CATALOGUES
