"""Every command of README and site that calls Snakemake, planned by a real one."""

import os
from pathlib import Path

import pytest
import yaml
from documented import ROOT, commands, files
from snakemake.cli import parse_args
from workplace import Workplace

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

_PLAN_ALIKE = {"-n": 1, "--force": 1, "--cores": 2}  # what makes no other plan, with what follows it

_ALL_OF_IT = ["--profile", "slurm", "--configfile", "config/imagenet.yaml"]  # 3,622 jobs: planned in test_plans.py


def planned_together():
    """Return commands that differ in their targets alone as one: files that the reader saved, options → targets."""
    found = {}
    before = Path.cwd()
    os.chdir(ROOT)  # where Snakemake finds profiles
    for command in commands():
        if not command.run or command.words[0] != "snakemake":
            continue
        _, args = parse_args(command.words[1:])
        saved = files(command.page)
        own = {path.name: saved[path.name] for path in args.configfile or [] if path.name in saved}
        assert all(path.name in own or path.exists() for path in args.configfile or []), command
        options = _without([word for word in command.words[1:] if word not in {"--", *args.targets}])
        run = next((yaml.safe_load(text)["run"] for text in own.values()), "")
        targets = [target.replace("<run>", run) for target in args.targets] or ["all"]
        if options != _ALL_OF_IT or args.targets:
            found.setdefault((*own.items(), "", *options), {}).update(dict.fromkeys(targets))
    os.chdir(before)
    return found


def _without(words):
    for word, length in _PLAN_ALIKE.items():
        if word in words:
            at = words.index(word)
            words = words[:at] + words[at + length :]
    return words


PLANS = planned_together()


def test_few_snakemakes_are_started():
    assert len(PLANS) <= 12, list(PLANS)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A clone, in which nothing has run; with what pages tell a reader to save, and a reader's own images and files."""
    place = Workplace.new(tmp_path_factory.mktemp("reader") / "strata")
    place.path("mynet.py").write_text(files(ROOT / "docs/your-own.md")["mynet.py"])
    for folder in ("runs/mine", "data/mine", "data/flowers", "data/chess"):
        place.path(folder).mkdir(parents=True)
    for epoch in (1, 2):
        place.path(f"runs/mine/epoch-{epoch}.pt").touch()
    return place


@pytest.mark.parametrize("own", PLANS, ids=lambda own: " ".join(own[own.index("") + 1 :])[:60])
def test_a_command_is_planned(place, own):
    cut = own.index("")
    for name, text in own[:cut]:
        place.path(name).write_text(text)
    code = place.fork("--dry-run", *own[cut + 1 :], "--", *PLANS[own]).wait()
    assert code == 0, place.said
    assert "Nothing was run" in place.said
