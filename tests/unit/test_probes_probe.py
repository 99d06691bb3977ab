import numpy as np
import pytest

from strata import store
from strata.errors import StrataError
from strata.probes.cka import linear_cka
from strata.probes.moments import accumulate
from strata.probes.probe import probe_layers
from strata.probes.results import read_vinfo
from strata.probes.ridge import v_information

PENALTIES = [0.01, 1.0, 100.0]
HOW = {"folds": 3, "penalties": PENALTIES, "seed": 0}


OWN = "epoch-002"  # what the features of the walk are called


def test_probe_results_are_written_by_features_and_layer(walk):
    arrays = read_vinfo([walk.vinfo], list(walk.activations), features=OWN)
    cka = read_vinfo([walk.vinfo], list(walk.activations), features=OWN, name="cka")
    digest = store.read(walk.codes[0])[1]["features"]
    made_by = {"family": "linear", "settings": {"penalties": PENALTIES}, "features": {OWN: digest}}
    with store.Shard(walk.vinfo, kind="vinfo", layers=list(walk.activations), **made_by) as shard:
        for i, (layer, paths) in enumerate(walk.activations.items()):
            moments = accumulate(paths, walk.codes, layer=layer, folds=3, seed=0)
            expected = v_information(moments, PENALTIES)
            np.testing.assert_array_equal(arrays[i], expected.value.cpu().numpy())
            np.testing.assert_array_equal(cka[i], linear_cka(moments).cpu().numpy())
            for name in ("sse", "sst", "penalty"):
                np.testing.assert_array_equal(
                    shard.read(f"{OWN}/{layer}/{name}"), getattr(expected, name).cpu().numpy()
                )


def test_features_of_several_kinds_have_the_same_results_together_and_apart(walk, tmp_path):
    """In one file, by their names; whatever else is probed with them."""
    fewer = [tmp_path / path.name for path in walk.codes]
    for path, other in zip(walk.codes, fewer, strict=True):
        arrays, about = store.read(path, kind="codes")
        store.write(other, {"codes": arrays["codes"][:, ::-1][:, :4]}, **{**about, "features": "fewer"})
    layers = {name: walk.activations[name] for name in ("penultimate", "stem")}
    probe_layers(layers, {"fewer": fewer, OWN: walk.codes}, output=tmp_path / "vinfo.h5", memory_mb=256, **HOW)
    with store.Shard(tmp_path / "vinfo.h5", kind="vinfo") as shard:
        assert list(shard.attributes["features"]) == ["fewer", OWN]
        assert shard.attributes["features"]["fewer"] == "fewer"
    for name in ("vinfo", "sse", "cka"):
        whole = read_vinfo([walk.vinfo], ["stem", "penultimate"], features=OWN, name=name)
        own, few = (
            read_vinfo([tmp_path / "vinfo.h5"], ["stem", "penultimate"], features=features, name=name)
            for features in (OWN, "fewer")
        )
        np.testing.assert_array_equal(own, whole)
        np.testing.assert_allclose(few, whole[..., ::-1][..., :4], rtol=1e-6)
        assert few.shape[-1] == 4


def test_codes_of_different_features_are_not_probed_as_one(walk, tmp_path):
    arrays, about = store.read(walk.codes[1])
    store.write(tmp_path / "other.h5", arrays, **{**about, "features": "another"})
    with pytest.raises(StrataError, match="its features is 'another'"):
        probe_layers(
            {"stem": walk.activations["stem"]},
            {OWN: [walk.codes[0], tmp_path / "other.h5"]},
            output=tmp_path / "vinfo.h5",
            memory_mb=64,
            **HOW,
        )


def test_little_memory_changes_no_result(walk, tmp_path):
    layers = {name: walk.activations[name] for name in ("stem", "penultimate")}
    fixed = 27 * 8**2 * 8  # bytes for 8 units and 3 folds, whatever the number of features
    room_for_two = (fixed + 2 * 9 * 8 * 8) / 2**20
    probe_layers(layers, {OWN: walk.codes}, output=tmp_path / "vinfo.h5", memory_mb=room_for_two, **HOW)
    for name in ("vinfo", "cka", "sse", "sst", "penalty"):
        paths = (tmp_path / "vinfo.h5", walk.vinfo)
        found, expected = (read_vinfo([path], list(layers), features=OWN, name=name) for path in paths)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_too_little_memory_is_told(walk, tmp_path):
    layers = {"stem": walk.activations["stem"]}
    with pytest.raises(StrataError, match=r"probes\.memory_mb: 0 is too little for a layer of 4 units"):
        probe_layers(layers, {OWN: walk.codes}, output=tmp_path / "vinfo.h5", memory_mb=0, **HOW)


def test_shards_of_different_checkpoints_are_not_probed_together(walk, tmp_path):
    arrays, about = store.read(walk.activations["stem"][1])
    other = tmp_path / "other.h5"
    store.write(other, arrays, **{**about, "checkpoint": "another"})
    layers = {"stem": [walk.activations["stem"][0], other]}
    with pytest.raises(StrataError, match="its checkpoint is 'another'"):
        probe_layers(layers, {OWN: walk.codes}, output=tmp_path / "vinfo.h5", memory_mb=64, **HOW)


def test_features_are_the_more_decodable_the_nearer_the_layer_is_to_them(walk):
    """The penultimate layer, of which the codes are made, tells the most of the features that vary."""
    first, *_, last = read_vinfo([walk.vinfo], ["stem", "block-01", "block-02", "penultimate"], features=OWN)
    assert np.nanmean(last) > np.nanmean(first)
    assert np.nanmean(last) > 0.5
