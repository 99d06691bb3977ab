"""What a release is: the sdist, and the wheel made of it; what `pip install` brings is the whole library."""

import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

import strata

pytestmark = pytest.mark.slow

PACKAGES = ("strata", "snakemake_logger_plugin_strata")


@pytest.fixture(scope="module")
def built(root, tmp_path_factory):
    """The sdist and the wheel, as `python -m build` makes them: the wheel of the sdist, and so of nothing else."""
    folder = tmp_path_factory.mktemp("built")
    source = folder / "source"  # a copy: what an earlier build left here would come in too
    for package in PACKAGES:
        shutil.copytree(root / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(root / name, source)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def wheel(built):
    return built[1]


def test_both_bear_the_version(built):
    sdist, wheel = built
    assert sdist.name == f"strata_vision-{strata.__version__}.tar.gz"
    assert wheel.name == f"strata_vision-{strata.__version__}-py3-none-any.whl"


def test_the_sdist_holds_the_same_library(built):
    sdist, wheel = built
    top = sdist.name.removesuffix(".tar.gz")
    with tarfile.open(sdist) as packed:
        source = {name.removeprefix(f"{top}/") for name in packed.getnames()}
    library = {
        name for name in zipfile.ZipFile(wheel).namelist() if name.startswith(PACKAGES) and ".dist-info" not in name
    }
    assert library <= source
    assert {"pyproject.toml", "README.md", "LICENSE"} <= source


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
    version = "from importlib.metadata import version; assert version('strata-vision') == strata.__version__"
    read = "from strata.estimate import read_rates; assert read_rates()"
    run = f"exec(compile(open({str(root / 'examples' / 'library.py')!r}).read(), 'library.py', 'exec'))"
    command = [sys.executable, "-c", "\n".join([where, version, read, run])]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=True
    )
    assert "complexity of the features, simple to complex:" in done.stdout
