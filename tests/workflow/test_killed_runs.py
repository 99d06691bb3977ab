"""Runs that are killed, with all their jobs, and started again."""

import random
import time

import pytest
from workplace import CHECKPOINTS, RUN, SEED, SHARDS, Workplace, differing

pytestmark = pytest.mark.workflow

VINFO = ["seed-0/vinfo/**/*.h5"]


def go_on(place, *targets):
    """Start a killed run again, as a person would."""
    locked = place.make(*targets)
    assert locked.code != 0
    assert "--unlock" in locked.output
    unlocked = place.snakemake("--unlock")
    assert unlocked.code == 0, unlocked.output
    done = place.make(*targets)
    assert done.code == 0, done.output
    return done


def complete(place, patterns):
    """Return names of the files that a later run would trust."""
    return [name for name in place.files(*patterns) if not name.endswith(".tmp")]


@pytest.fixture(scope="module")
def killed_in_training(finished, tmp_path_factory):
    """A run that was killed between two epochs."""
    place = finished.copy(tmp_path_factory.mktemp("workflow") / "killed")
    place.remove(f"{SEED}/training.csv", f"{SEED}/checkpoints")
    state = ["seed-0/training-state/**/last.pt"]
    place.kill_when(lambda: complete(place, state) != [], place.start("--cores", "2", "--", f"{SEED}/training.csv"))
    assert not place.path(f"{SEED}/training.csv").exists(), "killed too late"
    return place


def test_killed_while_training_it_leaves_no_checkpoint(killed_in_training):
    assert complete(killed_in_training, ["seed-0/checkpoints/*"]) == []


def test_killed_while_training_it_resumes_and_ends_with_the_same_checkpoints(finished, killed_in_training, tmp_path):
    place = killed_in_training.copy(tmp_path / "resumed")
    go_on(place, f"{SEED}/training.csv")
    assert "resuming after epoch" in place.logs
    assert differing(finished, place, ["seed-0/checkpoints/*", "seed-0/training.csv"]) == []
    assert not place.path(f"{SEED}/training-state").exists()


def test_what_an_edited_module_has_trained_is_not_resumed(killed_in_training, tmp_path):
    place = killed_in_training.copy(tmp_path / "edited")
    place.append("strata/networks/train.py", "\nEDITED = True\n")
    go_on(place, f"{SEED}/training.csv")
    assert "resuming after epoch" not in place.logs


def test_killed_while_caching_it_ends_with_the_same_activations(finished, again):
    folder = f"{SEED}/activations/{CHECKPOINTS[1]}"
    targets = [f"{folder}/stem/{shard}.h5" for shard in SHARDS]
    cached = [f"seed-0/activations/{CHECKPOINTS[1]}/*/*.h5"]
    again.remove(folder)
    again.kill_when(lambda: complete(again, cached) != [], again.start("--cores", "1", "--", *targets))
    assert 0 < len(complete(again, cached)) < len(complete(finished, cached)), "killed too late"

    go_on(again, *targets)
    assert differing(finished, again, cached) == []


def test_killed_while_probing_it_ends_with_the_same_findings(finished, again):
    probed = [f"{SEED}/vinfo/own/{CHECKPOINTS[-1]}", f"{SEED}/vinfo/others"]
    again.remove(*probed, f"{SEED}/tables", f"{RUN}/features.csv", f"{RUN}/tables", f"{RUN}/figures")
    again.remove(f"{RUN}/findings.json", f"{RUN}/findings.md", f"{RUN}/report.html", f"{RUN}/index.html")
    before, whole = (len(complete(place, VINFO)) for place in (again, finished))

    again.kill_when(lambda: len(complete(again, VINFO)) > before, again.start("--cores", "2"))
    assert before < len(complete(again, VINFO)) < whole, "killed too late"

    go_on(again)
    assert complete(again, ["**/*"]) == complete(finished, ["**/*"])
    assert differing(finished, again, [*VINFO, "features.csv", "findings.*", "figures/*"]) == []
    assert again.plan() == {}


def test_killed_at_twenty_points_it_ends_as_if_it_had_not_been_and_leaves_nothing_else(finished, tmp_path):
    place, chance = Workplace.new(tmp_path / "killed", finished.changes), random.Random(0)

    def in_the_midst():
        if "  done  " not in place.said:
            return False
        time.sleep(0.8 * chance.random())
        return True

    for _ in range(20):
        place.kill_when(in_the_midst, place.start("--cores", "2"))
        place.remove(".snakemake/locks")  # what --unlock does, too
    done = place.make()
    assert done.code == 0, done.output
    assert everything(place) == everything(finished)
    assert differing(finished, place, [*VINFO, "features.csv", "findings.*", "figures/*", "seed-0/checkpoints/*"]) == []


def everything(place):
    """Return the files and folders of a run, and what Snakemake takes for unfinished."""
    made = [str(path.relative_to(place.folder)) for path in place.path(RUN).rglob("*")]
    return sorted(made) + list(place.path(".snakemake/incomplete").glob("*"))
