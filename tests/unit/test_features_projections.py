"""Projections in place of codes."""

import numpy as np
import pytest

from strata import store
from strata.errors import StrataError
from strata.features.projections import project_shard


def test_projections_are_what_activations_have_in_the_direction_of_each_feature(walk, tmp_path):
    d = store.read(walk.dictionary)[0]["dictionary"]
    for source, codes in zip(walk.activations["penultimate"], walk.codes, strict=True):
        project_shard(walk.dictionary, source, output=tmp_path / "projections.h5")
        # Of the same images as the codes, and called codes too: probes take them in place of these.
        about = store.read(codes, kind="codes")[1]
        arrays, own = store.read(tmp_path / "projections.h5", kind="codes", images=about["images"])
        a = store.read(source)[0]["activations"]
        by_hand = [[sum(x * y for x, y in zip(image, row, strict=True)) for row in d] for image in a.tolist()]
        np.testing.assert_allclose(arrays["codes"], by_hand, rtol=1e-5, atol=1e-6)
        assert arrays["codes"].dtype == np.float32
        assert own["features"] == f"projections {about['features']}"


def test_the_projections_of_features_that_are_orthogonal_are_their_codes(walk, tmp_path):
    """Of activations that are not negative, and features one unit each, both are the units themselves."""
    found, about = store.read(walk.dictionary)
    store.write(tmp_path / "units.h5", {**found, "dictionary": np.eye(found["dictionary"].shape[1])}, **about)
    project_shard(tmp_path / "units.h5", walk.activations["penultimate"][0], output=tmp_path / "projections.h5")
    a = store.read(walk.activations["penultimate"][0])[0]["activations"]
    np.testing.assert_array_equal(store.read(tmp_path / "projections.h5")[0]["codes"], a)


def test_activations_of_another_checkpoint_or_layer_are_refused(walk, tmp_path):
    with pytest.raises(StrataError, match=r"its layer is .*'stem'.*, expected 'penultimate'"):
        project_shard(walk.dictionary, walk.activations["stem"][0], output=tmp_path / "projections.h5")
    arrays, about = store.read(walk.activations["penultimate"][0])
    store.write(tmp_path / "other.h5", arrays, **{**about, "checkpoint": "another"})
    with pytest.raises(StrataError, match="its checkpoint is 'another'"):
        project_shard(walk.dictionary, tmp_path / "other.h5", output=tmp_path / "projections.h5")
