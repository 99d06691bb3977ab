"""Runs whose probes see enriched samples."""

import numpy as np
import pytest
from workplace import CHECKPOINTS, SEED

from strata import store

pytestmark = pytest.mark.workflow

LAST = CHECKPOINTS[-1]
ENRICHED = {"activations.sample": "enriched"}


def probes(asked):
    return f"{SEED}/vinfo/{asked}/{LAST}/linear/stem-to-penultimate.h5"


@pytest.fixture(scope="module")
def probed(finished, tmp_path_factory):
    """The finished run, probed again in enriched samples."""
    place = finished.copy(tmp_path_factory.mktemp("enriched") / "probed")
    done = place.make(*map(probes, ("own", "others")), changes=ENRICHED)
    assert done.code == 0, done.output
    return place


def test_all_features_are_weighted_those_of_controls_as_what_they_stand_for(probed):
    for asked, features in (("own", [LAST, f"random-{LAST}"]), ("others", ["shuffled", "projections"])):
        found, about = store.read(probed.path(probes(asked)), kind="vinfo", sample="enriched")
        assert about["settings"]["class_share"] == 0.5
        assert list(about["features"]) == features
        for name in features:
            assert np.isfinite(found[f"{name}/penultimate/vinfo"]).mean() > 0.8


def test_a_share_of_its_own_probes_again_and_nothing_else(probed):
    assert probed.plan(probes("own"), changes=ENRICHED) == {}
    for key, value in (("activations.class_share", 0.2), ("activations.sample", "stratified")):
        assert probed.plan(probes("own"), changes={**ENRICHED, key: value}) == {"probe": 1}


def test_known_factors_are_probed_in_the_images_that_there_are(fresh):
    """They come from no class: nothing of a dictionary is asked for."""
    shapes = {**ENRICHED, "jobs": "many", "data.source": "shapes", "data.shapes": {"images": 400}}
    assert "dictionary" not in fresh.plan(probes("factors"), changes=shapes)
    assert "dictionary" in fresh.plan(probes("own"), changes=shapes)
