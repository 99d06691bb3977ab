"""What a release states in several places is the same."""

import json
import re
import tomllib
from datetime import date
from pathlib import Path

import pytest
import yaml

import strata

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
CODEMETA = json.loads((ROOT / "codemeta.json").read_text())


def test_the_version_is_stated_in_one_place():
    assert re.fullmatch(r"\d+\.\d+\.\d+", strata.__version__)
    assert "version" in PROJECT["dynamic"]
    assert CITATION["version"] == CODEMETA["version"] == strata.__version__


def test_name_licence_and_paper_are_the_same_everywhere():
    assert CODEMETA["identifier"] == PROJECT["name"]
    assert CODEMETA["description"] == PROJECT["description"]
    assert CODEMETA["license"].endswith(f"/{PROJECT['license']}")
    assert CITATION["license"] == PROJECT["license"]
    (paper,) = CITATION["references"]
    assert (CODEMETA["referencePublication"]["name"], CODEMETA["referencePublication"]["url"]) == (
        paper["title"],
        paper["url"],
    )


def test_the_changelog_tells_of_the_version_and_what_to_rerun():
    heading, section = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[1].split("\n", 1)
    version, released = re.fullmatch(r"(\S+) \((\S+)\)", heading).groups()
    assert version == strata.__version__
    assert date.fromisoformat(released) == CITATION["date-released"] == date.fromisoformat(CODEMETA["dateModified"])
    assert re.findall(r"^### (.*)$", section, re.MULTILINE) == ["After upgrading", "Added", "Changed", "Fixed"]


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "RELEASING.md"])
def test_every_file_that_is_named_is_here(name):
    text = (ROOT / name).read_text()
    example = {"strata/measures/concentration.py", "tests/unit/test_measures_concentration.py"}  # which it writes
    named = set(re.findall(r"`((?:strata|tests|envs|workflow|config)/[\w./-]+)`", text)) - example
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("path", [".pre-commit-config.yaml", ".snakemake-workflow-catalog.yml", ".github"])
def test_what_others_machines_read_is_yaml(path):
    files = sorted((ROOT / path).rglob("*.yml")) if (ROOT / path).is_dir() else [ROOT / path]
    assert files
    for file in files:
        assert isinstance(yaml.safe_load(file.read_text()), dict), file
