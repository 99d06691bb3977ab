"""What a run has on the disk at once, where activations are not kept."""

import os
import time
from contextlib import suppress

import pytest
from workplace import RUN, Workplace, tiny

from strata import estimate
from strata.config.check import checked

pytestmark = pytest.mark.workflow

# Four checkpoints, whose activations are most of what there is, figures and pages too.
CHANGES = {"jobs": "many", "activations.keep": False, "activations.pool": 6, "training.epochs": 3}


def size(folder):
    """Bytes of all files below a folder, each counted once however many names it has."""
    found = {}
    for inner, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # it has gone meanwhile
                about = os.stat(os.path.join(inner, name))
                found[about.st_ino] = about.st_size
    return sum(found.values())


def test_the_most_that_is_on_the_disk_at_once_is_what_the_estimate_tells(tmp_path):
    place = Workplace.new(tmp_path / "place", CHANGES)
    process, most = place.start("--cores", "1", "--", f"{RUN}/features.csv"), 0
    while process.poll() is None:
        most = max(most, size(place.path(RUN)))
        time.sleep(0.02)
    assert process.wait() == 0, place.said
    config = checked(tiny(CHANGES))
    rates = next(iter(estimate.read_rates().values()))
    table = estimate.estimate(config, estimate.traced(config), rates=rates)
    # Between the first checkpoint and the last, Snakemake chooses: most of one may have gone when the other comes.
    told = estimate.most_disk(config, table)
    assert 0.65 * told < most < 1.1 * told
    assert 1.4 * most < table.set_index("rule").loc["all", "disk"]  # with everything kept
    assert list(place.files("seed-0/activations/**/*", "seed-0/discovery/**/*")) == []
