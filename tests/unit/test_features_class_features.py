import dataclasses

import numpy as np
import pytest
import torch

from strata import store
from strata.activations.cache import Caching
from strata.errors import StrataError
from strata.features import class_features, dictionary, discovery, halves
from strata.features.codes import encode_shard
from strata.features.methods import METHODS
from strata.networks import build, checkpoints


def uniform(*shape, seed=0):
    return np.random.default_rng(seed).random(shape)


def discover(activations, labels, per_class=2, classes=("cat", "dog")):
    how = {"method": "nmf", "per_class": per_class, "seed": 0, "tolerance": 1e-8, "max_iterations": 2000}
    return class_features.discover(activations, np.array(labels), classes=classes, **how)


def test_the_dictionary_holds_unit_rows_of_every_class_in_order():
    labels = [0] * 9 + [1] * 14
    activations = uniform(23, 7)
    found, origin = discover(activations, labels)
    assert found.shape == (4, 7)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    assert (found >= 0).all()
    assert list(origin) == [0, 0, 1, 1]


def test_the_features_of_a_class_are_the_parts_that_its_images_are_made_of():
    parts = np.eye(8)[[[0, 1, 2], [3, 4, 5]]].sum(1)  # two parts of three units each, no unit shared
    mixed = np.concatenate([np.eye(2), uniform(38, 2)]) @ parts  # each is seen alone once: no other answer
    found, _ = discover(np.concatenate([mixed, uniform(12, 8, seed=5)]), [0] * 40 + [1] * 12)
    overlap = found[:2] @ (parts / np.linalg.norm(parts, axis=1, keepdims=True)).T
    np.testing.assert_allclose(overlap.max(1), 1, atol=1e-3)
    assert sorted(overlap.argmax(1)) == [0, 1]


def test_a_class_without_any_activation_gives_rows_of_zeros():
    found, _ = discover(np.concatenate([uniform(9, 7), np.zeros((9, 7))]), [0] * 9 + [1] * 9)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), [1, 1, 0, 0])


def test_a_class_with_fewer_images_than_the_rank_is_told():
    with pytest.raises(StrataError, match=r"class 'dog' gives 3 training images .* features\.per_class: 4") as error:
        discover(uniform(12, 7), [0] * 9 + [1] * 3, per_class=4)
    assert "\n" not in str(error.value)
    with pytest.raises(StrataError, match="class 'emu' gives 0 training images"):
        discover(uniform(12, 7), [0] * 6 + [1] * 6, classes=("cat", "dog", "emu"))


@pytest.fixture
def together(monkeypatch):
    """A method that fits the images of all classes together."""
    monkeypatch.setitem(METHODS, "nmf", dataclasses.replace(METHODS["nmf"], rows_from="all"))


def test_a_method_that_fits_all_images_together_gives_rows_of_no_class(together):
    activations = uniform(30, 7)
    found, origin = discover(activations, [0] * 29 + [1])  # a class of fewer images than its share of the features
    assert found.shape == (4, 7)
    assert list(origin) == [-1] * 4
    alone, _ = discover(activations, [0] * 30, per_class=4, classes=("all",))
    np.testing.assert_array_equal(found, alone)


def test_fewer_images_than_features_together_are_told(together):
    with pytest.raises(StrataError, match=r"class 'all of them' gives 3 .* fewer than the rank"):
        discover(uniform(3, 7), [0, 0, 1])


def test_negative_activations_are_told():
    with pytest.raises(StrataError, match="penultimate activations are negative"):
        discover(uniform(12, 7) - 0.1, [0] * 6 + [1] * 6)


def discovered(walk, images, output, **changes):
    how = {"method": "nmf", "per_class": 2, "seed": 0, "tolerance": 1e-6, "max_iterations": 500} | changes
    caching = Caching(batch_size=16)
    class_features.discover_checkpoint(images, walk.checkpoint, model=walk.model, caching=caching, **how, output=output)
    return store.read(output, kind="features")


def test_a_checkpoints_features_come_from_its_training_images_alone(walk):
    found, about = store.read(walk.dictionary, kind="features")
    activations, labels = [], []
    for path, source in zip(walk.activations["penultimate"], walk.images, strict=True):
        images = store.read(source)[0]
        activations.append(store.read(path)[0]["activations"][images["train"]])
        labels.append(images["labels"][images["train"]])
    expected, origin = class_features.discover(
        np.concatenate(activations).astype(float),
        np.concatenate(labels),
        classes=["0", "1", "2"],
        method="nmf",
        per_class=2,
        seed=0,
        tolerance=1e-6,
        max_iterations=500,
    )
    # Their images come in another order, and in batches of others.
    assert ((found["dictionary"] * expected).sum(1) > 1 - 1e-4).all()
    assert (found["origin"] == origin).all()
    network = build.build(walk.model, 3)
    assert about["checkpoint"] == checkpoints.load(walk.checkpoint, network)
    assert about["classes"] == ["0", "1", "2"]
    np.testing.assert_array_equal(found["head_weight"], network.head.weight.detach().numpy())
    np.testing.assert_array_equal(found["head_bias"], network.head.bias.detach().numpy())


def part_of(shard, rows, output):
    """Write some rows of a shard of discovery."""
    arrays, about = store.read(shard)
    store.write(output, {name: array[rows] for name, array in arrays.items()}, **about)
    return output


@pytest.mark.parametrize("half", [0, 1])
def test_a_half_has_the_features_of_its_images_alone(walk, tmp_path, half):
    found, about = discovered(walk, walk.discovery, tmp_path / "half.h5", half=half)
    labels = store.read(walk.discovery)[0]["labels"]
    rows = halves.rows_of(labels, half, crops=1, seed=0, least=2, together=False)
    own = part_of(walk.discovery, rows, tmp_path / "own.h5")
    expected, said = discovered(walk, own, tmp_path / "expected.h5")
    assert about == said
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
    assert ((found["dictionary"] * store.read(walk.dictionary)[0]["dictionary"]).sum(1) < 1 - 1e-6).any()


def test_a_class_with_too_few_images_in_a_half_gives_zeros_there_and_says_why(walk, tmp_path, capsys):
    labels = store.read(walk.discovery)[0]["labels"]
    few = np.flatnonzero(labels == 1)[3:]
    images = part_of(walk.discovery, np.delete(np.arange(len(labels)), few), tmp_path / "images.h5")
    discovered(walk, images, tmp_path / "all.h5")
    assert capsys.readouterr().out == ""
    for half in (0, 1):  # two images in the one half, and one in the other
        found, _ = discovered(walk, images, tmp_path / "half.h5", half=half)
        assert "1 of 3 classes ('1' first)" in capsys.readouterr().out
        assert found["origin"].tolist() == [0, 0, 1, 1, 2, 2]
        np.testing.assert_allclose(np.linalg.norm(found["dictionary"], axis=1), [1, 1, 0, 0, 1, 1], rtol=1e-6)
        alone = discovered(walk, walk.discovery, tmp_path / "alone.h5", half=half)[0]["dictionary"]
        assert ((found["dictionary"] * alone).sum(1)[[0, 1, 4, 5]] > 0.99).all()


def test_a_run_whose_classes_all_have_too_few_images_in_a_half_goes_on(walk, tmp_path, capsys):
    images = part_of(
        walk.discovery, np.unique(store.read(walk.discovery)[0]["labels"], return_index=True)[1], tmp_path / "i.h5"
    )
    found, _ = discovered(walk, images, tmp_path / "half.h5", half=1, per_class=1)
    assert "3 of 3 classes" in capsys.readouterr().out
    assert found["dictionary"].shape == (3, store.read(walk.dictionary)[0]["dictionary"].shape[1])
    assert not found["dictionary"].any()
    code = tmp_path / "codes.h5"
    encode_shard(
        tmp_path / "half.h5",
        walk.activations["penultimate"][0],
        method="nmf",
        tolerance=1e-6,
        max_iterations=200,
        output=code,
    )
    assert not store.read(code)[0]["codes"].any()


def test_rows_of_no_class_are_discovered_in_halves_too(together, walk, tmp_path):
    found, _ = discovered(walk, walk.discovery, tmp_path / "half.h5", half=0)
    assert found["origin"].tolist() == [-1] * 6
    np.testing.assert_allclose(np.linalg.norm(found["dictionary"], axis=1), 1, rtol=1e-6)


def test_images_are_read_a_part_at_a_time(walk, tmp_path, monkeypatch):
    whole, _ = discovered(walk, walk.discovery, tmp_path / "whole.h5")
    reads = []
    read = store.Shard.read
    monkeypatch.setattr(class_features, "IMAGES_AT_ONCE", 16)
    monkeypatch.setattr(store.Shard, "read", lambda *args: reads.append(read(*args)) or reads[-1])
    parts, _ = discovered(walk, walk.discovery, tmp_path / "parts.h5")
    np.testing.assert_array_equal(parts["dictionary"], whole["dictionary"])
    assert [len(images) for images in reads if images.ndim == 4] == [8, 16, 16, 4]


def test_classes_in_jobs_of_their_own_have_the_features_that_they_have_together(walk, tmp_path):
    together, about = store.read(walk.dictionary, kind="features")
    parts = []
    for job in range(3):
        images, parts = tmp_path / f"images-{job}.h5", [*parts, tmp_path / f"classes-{job}.h5"]
        discovery.write_images(walk.images, None, crops=None, jobs=3, job=job, output=images)
        found, _ = discovered(walk, images, parts[-1])
        assert found["origin"].tolist() == [job, job]
        assert ("head_weight" in found) == (job == 0)  # once for all classes
    dictionary.gather(parts, tmp_path / "features.h5")
    gathered, said = store.read(tmp_path / "features.h5", kind="features")
    assert said == about
    assert gathered.keys() == together.keys()
    np.testing.assert_array_equal(gathered["origin"], together["origin"])
    np.testing.assert_array_equal(gathered["head_weight"], together["head_weight"])
    assert {array.dtype.name for name, array in gathered.items() if name != "origin"} == {"float32"}
    read, _ = dictionary.read_dictionary(tmp_path / "features.h5")
    for name, array in gathered.items():
        np.testing.assert_array_equal(read[name], array)
    assert {array.dtype.name for name, array in read.items() if name != "origin"} == {"float64"}
    assert ((gathered["dictionary"] * together["dictionary"]).sum(1) > 0.99).all()


@pytest.mark.parametrize(
    ("after", "fits"), [(torch.softmax, True), (torch.log_softmax, True), (lambda x, dim: x - 1, False)]
)
def test_a_head_that_does_not_give_the_answer_is_told(walk, tmp_path, monkeypatch, after, fits):
    network = build.build(walk.model, 3)
    forward = type(network).forward
    monkeypatch.setattr(type(network), "forward", lambda self, x: after(forward(self, x), dim=1))
    if fits:
        discovered(walk, walk.discovery, tmp_path / "features.h5")
    else:
        with pytest.raises(StrataError, match=r"config key model\.head: the last linear layer does not give"):
            discovered(walk, walk.discovery, tmp_path / "features.h5")


def test_features_of_another_checkpoint_are_not_gathered(walk, tmp_path):
    arrays, about = store.read(walk.dictionary)
    store.write(tmp_path / "other.h5", arrays, **about | {"checkpoint": "another"})
    with pytest.raises(StrataError, match=r"other\.h5 does not fit here: its checkpoint is 'another'"):
        dictionary.gather([walk.dictionary, tmp_path / "other.h5"], tmp_path / "features.h5")


def test_negative_activations_need_semi_nmf():
    activations = np.random.default_rng(0).standard_normal((20, 6))
    labels = np.repeat([0, 1], 10)
    how = {"classes": ["a", "b"], "per_class": 2, "seed": 0, "tolerance": 1e-8, "max_iterations": 100}
    with pytest.raises(StrataError, match=r"config key features\.method.*allowed then: semi-nmf"):
        class_features.discover(activations, labels, **how, method="nmf")
    found, _ = class_features.discover(activations, labels, **how, method="semi-nmf")
    assert found.min() < 0
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-6)
