"""All environments are made of one lock."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
ENVS = ROOT / "envs"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WANTED = [*PROJECT["dependencies"], *(r for extra in PROJECT["optional-dependencies"].values() for r in extra)]


@pytest.mark.parametrize("requirement", list(map(Requirement, WANTED)), ids=str)
def test_the_lock_pins_every_requirement_within_its_range(requirement):
    lines = (ENVS / "lock.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if re.match(r"\w", line))
    versions = {canonicalize_name(name): version for name, version in pins.items()}
    assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)])


def test_the_images_are_made_alike():
    """Of the same base, from the same files, by the same command; the lock is for the Python of all environments."""
    docker, apptainer = (ENVS / "Dockerfile").read_text(), (ENVS / "strata.def").read_text()
    base = re.search(r"^FROM (.*)$", docker, re.MULTILINE)[1]
    assert base == re.search(r"^From: (.*)$", apptainer, re.MULTILINE)[1]
    install = re.search(r"^RUN (pip install .*)$", docker, re.MULTILINE)[1]
    assert install == re.search(r"^ +(pip install .*)$", apptainer, re.MULTILINE)[1]
    copied = [shlex.split(line)[:-1] for line in re.findall(r"^COPY (.*)$", docker, re.MULTILINE)]
    files = apptainer.split("%files\n")[1].split("\n\n")[0]
    sources = [source for names in copied for source in names]
    assert sources == [line.split()[0] for line in files.splitlines()]
    assert all((ROOT / source).exists() for source in sources)
    ignored = (ENVS / "Dockerfile.dockerignore").read_text().splitlines()
    assert [line[1:] for line in ignored if line.startswith("!")] == sources
    (python,) = [own for own in conda() if isinstance(own, str) and own.startswith("python=")]
    assert base.startswith(f"python:{python.removeprefix('python=')}-")
    assert f"for Python {python.removeprefix('python=')} " in (ENVS / "lock.txt").read_text().splitlines()[0]


def conda():
    return yaml.safe_load((ENVS / "conda.yaml").read_text())["dependencies"]


def test_conda_takes_every_package_from_the_lock():
    """What it gives pip is of files beside its own."""
    (asked,) = [own["pip"] for own in conda() if isinstance(own, dict)]
    (_, constraints), (_, project) = (line.split() for line in asked)
    assert (ENVS / constraints) == ENVS / "lock.txt"
    assert (ENVS / project / "pyproject.toml").resolve() == ROOT / "pyproject.toml"


def test_the_snakefile_names_the_image_that_is_built_as_told():
    image = re.search(r'^container: "(.*)"$', (ROOT / "Snakefile").read_text(), re.MULTILINE)[1]
    assert f"apptainer build {image} envs/strata.def" in (ENVS / "README.md").read_text()
