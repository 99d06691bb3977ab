import shutil

import pytest

from strata import sources


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
    monkeypatch.setattr(sources, "PACKAGE", package)
    return package, script


def test_a_script_reaches_what_it_imports_directly_and_through_others(copy):
    package, script = copy
    assert sources.reached(script) == [package / f"{name}.py" for name in "abc"]


@pytest.mark.parametrize("module", ["a", "b", "c"])
def test_the_digest_changes_with_every_reached_module(copy, module):
    package, script = copy
    before = sources.digest(script)
    with open(package / f"{module}.py", "a") as file:
        file.write("# edited\n")
    assert sources.digest(script) != before


def test_the_digest_ignores_other_modules_and_the_script_itself(copy):
    package, script = copy
    before = sources.digest(script)
    (package / "d.py").write_text("changed = True\n")
    script.write_text(script.read_text() + "# edited\n")  # Snakemake sees scripts by itself
    assert sources.digest(script) == before


@pytest.mark.parametrize(
    ("script", "reached", "apart"),
    [
        ("index.py", {"data", "store", "errors"}, {"training", "figures", "probes", "questions"}),
        ("train.py", {"training", "models", "store"}, {"figures", "probes", "features", "activations"}),
        ("probes.py", {"probes", "store"}, {"figures", "questions", "training", "data"}),
        ("figures.py", {"drawing", "questions", "statistics"}, {"training", "activations", "data"}),
    ],
)
def test_the_real_scripts_reach_their_own_stage_and_not_the_others(root, script, reached, apart):
    found = {path.stem for path in sources.reached(root / "workflow" / "scripts" / script)}
    assert reached <= found
    assert not apart & found


def test_editing_figures_changes_the_digest_of_its_script_alone(root, tmp_path, monkeypatch):
    shutil.copytree(sources.PACKAGE, tmp_path / "strata")
    monkeypatch.setattr(sources, "PACKAGE", tmp_path / "strata")
    scripts = sorted((root / "workflow" / "scripts").glob("*.py"))
    before = {script.name: sources.digest(script) for script in scripts}
    with open(tmp_path / "strata" / "figures" / "drawing.py", "a") as file:
        file.write("# edited\n")
    assert [s.name for s in scripts if sources.digest(s) != before[s.name]] == ["figures.py"]
