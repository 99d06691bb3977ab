"""README and site: what they tell a reader to type, and the site where no run is finished."""

import importlib.util
import re
import subprocess
import sys

import pytest
from documented import NOT_RUN, ROOT, commands, files
from snakemake.cli import parse_args

from strata.measures.catalogue import MEASURES

COMMANDS = commands()
YOUR_OWN = ROOT / "docs/your-own.md"


def begins(*words):
    return [command for command in COMMANDS if command.run and command.words[0] in words]


def test_every_command_is_one_that_some_test_runs_or_is_listed_with_a_reason():
    assert [c for c in COMMANDS if c.run and c.words[0] not in ("snakemake", "make", "python")] == []


def test_every_reason_is_that_of_a_command():
    assert [begin for begin in NOT_RUN if not any(c.text.startswith(begin) for c in COMMANDS)] == []


@pytest.mark.parametrize("text", sorted({c.text for c in COMMANDS if c.words[0] == "snakemake"}))
def test_snakemake_takes_files_for_configurations_and_targets_for_targets(text, monkeypatch):
    monkeypatch.chdir(ROOT)
    words = next(c.words for c in COMMANDS if c.text == text)
    _, args = parse_args([word for word in words[1:] if word not in ("lsf", "--profile", "slurm")])
    assert [path.suffix for path in args.configfile or []] == [".yaml"] * len(args.configfile or [])
    assert all("=" in pair for pair in args.config or [])


@pytest.mark.parametrize("text", sorted({c.text for c in begins("make")}))
def test_make_knows_its_target(text):
    command = next(c for c in COMMANDS if c.text == text)
    subprocess.run([*command.words, "--dry-run"], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.slow
def test_python_runs(tmp_path):
    for name, text in files(YOUR_OWN).items():
        (tmp_path / name).write_text(text)
    for command in begins("python"):
        where = ROOT if command.words[1] == "-m" or (ROOT / command.words[1]).exists() else tmp_path
        subprocess.run([sys.executable, *command.words[1:]], cwd=where, check=True, capture_output=True)
    assert len(list((tmp_path / "data/chess").glob("*/*.png"))) == 1200
    assert importlib.util.spec_from_file_location("mynet", tmp_path / "mynet.py").loader


def test_the_network_of_the_page_gives_an_answer_a_class(tmp_path):
    import torch

    own: dict = {}
    exec(files(YOUR_OWN)["mynet.py"], own)
    assert own["network"](6)(torch.zeros(2, 3, 32, 32)).shape == (2, 6)


WITHOUT_API = "_build,_generated/*.md,_generated/static,_generated/api/*"


@pytest.mark.slow
def test_the_site_is_built_where_no_run_is_finished(tmp_path):
    """With warnings as errors, like `make docs`, which has a run, and the pages of the API, which have none."""
    build = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet"]
    given = ["run=results/none", f"exclude_patterns={WITHOUT_API}", "nitpicky=0", "suppress_warnings=toc.excluded"]
    defined = [word for setting in given for word in ("--define", setting)]
    done = subprocess.run([*build, *defined, "docs", tmp_path], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "There was no finished run (results/none)" in (tmp_path / "index.html").read_text()
    assert "<iframe" not in (tmp_path / "index.html").read_text()
    rules = {path.stem for path in (ROOT / "workflow/scripts").glob("*.py")} - {"measure"} | MEASURES.keys()
    told = re.findall(
        r'<td><p><code[^>]*><span class="pre">(\w+)</span></code></p></td>\n<td><p>',
        (tmp_path / "reference.html").read_text(),
    )
    assert rules - set(told) == set()
    links = subprocess.run([sys.executable, "docs/links.py", tmp_path], cwd=ROOT, capture_output=True, text=True)
    assert links.returncode == 0, links.stderr
