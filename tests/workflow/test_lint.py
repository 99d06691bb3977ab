"""What Snakemake's own linter says of the workflow."""

import re
import subprocess
import sys

import pytest
from workplace import REPOSITORY, planned

pytestmark = pytest.mark.workflow


@pytest.mark.parametrize("snakefile", ["Snakefile", "workflow/Snakefile"])
def test_snakemake_finds_nothing_but_what_the_snakefile_argues(snakefile):
    command = [sys.executable, "-m", "snakemake", "--snakefile", snakefile, "--lint"]
    said = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True).stderr
    assert set(re.findall(r"^ +\* (.*)", said, re.MULTILINE)) == {"Mixed rules and functions in same snakefile.:"}
    where = set(re.findall(r"^Lints for (.*) ", said, re.MULTILINE))
    assert where == {"snakefile"}  # and of no rule


def test_where_the_catalogue_looks_is_the_same_workflow(fresh):
    whole = fresh.plan()
    done = fresh.snakemake("--dry-run", "--snakefile", "workflow/Snakefile")
    assert planned(done.output) == whole | {"run": 1}
