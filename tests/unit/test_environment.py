import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WANTED = [*PROJECT["dependencies"], *(r for extra in PROJECT["optional-dependencies"].values() for r in extra)]


@pytest.mark.parametrize("requirement", list(map(Requirement, WANTED)), ids=str)
def test_the_lock_pins_every_requirement_within_its_range(requirement):
    lines = (ROOT / "envs/lock.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if re.match(r"\w", line))
    versions = {canonicalize_name(name): version for name, version in pins.items()}
    assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)])
