"""The wheel: what `pip install` brings is the whole library."""

import shutil
import subprocess
import sys
import zipfile

import pytest

pytestmark = pytest.mark.slow

PACKAGES = ("strata", "snakemake_logger_plugin_strata")


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # a copy: what an earlier build left here would come in too
    for package in PACKAGES:
        shutil.copytree(root / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(root / name, source)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def test_it_holds_every_module_and_what_they_read(root, wheel):
    packed = set(zipfile.ZipFile(wheel).namelist())
    own = {str(path.relative_to(root)) for package in PACKAGES for path in (root / package).rglob("*.py")}
    shown = {str(path.relative_to(root)) for path in (root / "strata/page").glob("*/*") if path.suffix != ".pyc"}
    assert shown
    assert {*own, "strata/py.typed", "strata/rates.json", *shown} <= packed
    assert not any(name.startswith("tests") for name in packed)


def test_the_example_runs_from_it_alone(root, wheel, tmp_path):
    """Installed into an empty folder, from which Python then takes it, whatever else it could import."""
    folder = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(folder)]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    where = f"import strata; assert strata.__file__.startswith({str(folder)!r}), strata.__file__"
    read = "from strata.estimate import read_rates; assert read_rates()"
    run = f"exec(compile(open({str(root / 'examples' / 'library.py')!r}).read(), 'library.py', 'exec'))"
    command = [sys.executable, "-c", "\n".join([where, read, run])]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=True
    )
    assert "complexity of the features, simple to complex:" in done.stdout
