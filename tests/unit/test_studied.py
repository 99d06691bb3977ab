"""Which of the studied images are looked at: with `test`, what is measured is as if there were no others."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from strata import store
from strata.config.keys import Mlp
from strata.errors import StrataError
from strata.measures.decoded import decode
from strata.measures.importance import importance_of_checkpoint
from strata.measures.redundancy import redundancy_of_features
from strata.probes.probe import probe_layers

PENALTIES = [0.01, 1.0, 100.0]
FOLDS = {"folds": 3, "seed": 0}
FAMILIES = {"linear": {"penalties": PENALTIES}, "mlp": {"mlp": Mlp(width=8, epochs=3, batch_size=8)}}


@pytest.fixture
def alone(walk, tmp_path):
    """The images, activations and codes of the images of testing, in shards that hold no others."""

    def of_testing(paths, kind):
        written = []
        for path, images in zip(paths, walk.images, strict=True):
            test = ~store.read(images)[0]["train"]
            arrays, about = store.read(path)
            written.append(tmp_path / kind / path.name)
            own = {name: values[test] if len(values) == len(test) else values for name, values in arrays.items()}
            store.write(written[-1], own, **about)  # sums over images stay those of all: nothing here reads them
        return written

    return SimpleNamespace(
        images=of_testing(walk.images, "images"),
        codes=of_testing(walk.codes, "codes"),
        activations={name: of_testing(walk.activations[name], name) for name in ("stem", "penultimate")},
    )


def test_activations_tell_which_images_training_saw(walk):
    for layer, paths in walk.activations.items():
        for path, images in zip(paths, walk.images, strict=True):
            train = store.read(images)[0]["train"]
            assert 0 < train.sum() < len(train)
            np.testing.assert_array_equal(store.read(path, layer=layer)[0]["train"], train)


@pytest.mark.parametrize("family", FAMILIES)
def test_probes_look_at_images_of_testing_alone(walk, alone, tmp_path, family):
    how = {"family": family, "memory_mb": 256, **FOLDS, **FAMILIES[family]}
    found = {}
    for name, given, studied in (("test", walk, "test"), ("alone", alone, "all"), ("all", walk, "all")):
        layers = {layer: given.activations[layer] for layer in alone.activations}
        probe_layers(layers, {"own": given.codes}, output=tmp_path / f"{name}.h5", studied=studied, **how)
        found[name] = store.read(tmp_path / f"{name}.h5")[0]
    assert found["test"].keys() == found["alone"].keys()
    for name, values in found["test"].items():
        np.testing.assert_allclose(values, found["alone"][name], rtol=1e-4, atol=1e-5)
    assert not np.allclose(found["test"]["own/stem/sst"], found["all"]["own/stem/sst"])


def test_redundancy_looks_at_images_of_testing_alone(walk, alone):
    how = {"penalties": PENALTIES, "memory_mb": 256, "share": 0.5, "subsets": 3, "subset_seed": 0, **FOLDS}
    found, expected = (
        redundancy_of_features(given.activations["penultimate"], given.codes, studied=studied, **how)["redundancy"]
        for given, studied in ((walk, "test"), (alone, "all"))
    )
    pd.testing.assert_frame_equal(found, expected, rtol=1e-4, atol=1e-5)


def test_importance_looks_at_images_of_testing_alone(walk, alone):
    found, expected, everything = (
        importance_of_checkpoint(
            walk.dictionary,
            given.codes,
            images=given.images,
            studied=studied,
        )["importance"]
        for given, studied in ((walk, "test"), (alone, "all"), (walk, "all"))
    )
    pd.testing.assert_frame_equal(found, expected)
    assert not np.allclose(found["importance"], everything["importance"])


def test_examples_are_decoded_from_images_of_testing_alone(walk, alone):
    how = {"layer": "stem", "chosen": np.array([0, 3]), "penalties": PENALTIES, **FOLDS}
    found, expected = (
        decode(given.activations["stem"], given.codes, studied=studied, **how)
        for given, studied in ((walk, "test"), (alone, "all"))
    )
    test = np.concatenate([~store.read(path)[0]["train"] for path in walk.images])
    np.testing.assert_allclose(found["prediction"][test], expected["prediction"], rtol=1e-3, atol=1e-5)
    assert np.isnan(found["prediction"][~test]).all()  # of which no figure shows one
    for name in ("weights", "vinfo"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_too_few_images_of_testing_are_told_in_one_line(walk, tmp_path, family):
    layers, codes = {"stem": walk.activations["stem"]}, {"own": walk.codes}
    tests = sum(int((~store.read(path)[0]["train"]).sum()) for path in walk.images)
    how = {"seed": 0, "memory_mb": 256, "folds": tests // 2 + 1, **FAMILIES[family]}
    message = (
        rf"probes\.folds: {how['folds']} folds leave fewer than 2 images a fold, because questions\.images is test"
    )
    with pytest.raises(StrataError, match=message) as error:
        probe_layers(layers, codes, family=family, output=tmp_path / "vinfo.h5", studied="test", **how)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "vinfo.h5").exists()


def test_importance_without_an_image_of_testing_is_refused(walk, tmp_path):
    images = []
    for path in walk.images:
        arrays, about = store.read(path)
        images.append(tmp_path / path.name)
        store.write(images[-1], arrays | {"train": np.ones(len(arrays["train"]), bool)}, **about)
    with pytest.raises(StrataError, match=r"^config key questions\.images must be all, because training saw"):
        importance_of_checkpoint(
            walk.dictionary,
            walk.codes,
            images=images,
            studied="test",
        )
