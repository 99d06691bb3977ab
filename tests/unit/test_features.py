import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import NMF

from strata import dictionary, discovery, features, models, store
from strata.config import checked
from strata.errors import StrataError


def uniform(*shape, seed=0):
    return np.random.default_rng(seed).random(shape)


def objective(a, z, d):
    return 0.5 * np.square(a - z @ d).sum(-1)


MATRICES = {
    "low rank": uniform(60, 5) @ uniform(5, 30, seed=1),
    "low rank and noise": uniform(60, 5) @ uniform(5, 30, seed=1) + 0.3 * uniform(60, 30, seed=2),
    "noise": uniform(40, 25),
    "sparse": uniform(50, 40) * (uniform(50, 40, seed=3) < 0.2),
    "digits": load_digits().data[load_digits().target == 3][:80],
    "fewer units than images": uniform(70, 6),
}


@pytest.mark.parametrize("a", MATRICES.values(), ids=MATRICES)
def test_the_factorisation_is_as_good_as_scikit_learns(a):
    u, d = features.factorise(torch.from_numpy(a)[None], 5, 0, 1e-7, 5000)
    assert (u >= 0).all()
    assert (d >= 0).all()
    peer = NMF(5, init="nndsvda", solver="cd", tol=1e-7, max_iter=5000, random_state=0)
    expected = objective(a, peer.fit_transform(a), peer.components_).sum()
    assert objective(a, u[0].numpy(), d[0].numpy()).sum() <= 1.01 * expected + 1e-6 * np.square(a).sum()


def test_the_start_needs_no_more_units_than_there_are():
    a = uniform(30, 4)
    u, d = features.factorise(torch.from_numpy(a)[None], 7, 0, 1e-9, 5000)
    assert objective(a, u[0].numpy(), d[0].numpy()).sum() < 1e-3 * np.square(a).sum()


def test_matrices_of_a_batch_do_not_influence_each_other():
    a = torch.from_numpy(np.stack([uniform(30, 20, seed=s) for s in range(3)]))
    together = features.factorise(a, 4, 0, 1e-9, 5000)[1]
    for i in range(3):
        alone = features.factorise(a[i : i + 1], 4, 0, 1e-9, 5000)[1]
        torch.testing.assert_close(together[i], alone[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", MATRICES)
def test_padding_with_rows_of_zeros_changes_nothing(name):
    a = torch.from_numpy(MATRICES[name])
    padded = torch.cat([a, torch.zeros(25, a.shape[1], dtype=a.dtype)])
    (u, d), (padded_u, padded_d) = (features.factorise(x[None], 4, 0, 1e-10, 20_000) for x in (a, padded))
    assert not padded_u[0, len(a) :].any()
    torch.testing.assert_close(padded_u[0, : len(a)] @ padded_d[0], u[0] @ d[0], rtol=1e-3, atol=1e-3 * a.max().item())


def test_the_same_seed_gives_the_same_bits_and_another_one_about_the_same():
    a = torch.from_numpy(MATRICES["low rank and noise"])[None]
    first, again, other = (features.factorise(a, 5, seed, 1e-6, 500) for seed in (3, 3, 4))
    assert all(torch.equal(x, y) for x, y in zip(first, again, strict=True))
    assert not torch.equal(first[1], other[1])
    losses = [(a - u @ d).square().sum().item() for u, d in (first, other)]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def discover(activations, labels, per_class=2, classes=("cat", "dog")):
    return features.discover(activations, np.array(labels), classes, "nmf", per_class, 0, 1e-8, 2000)


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


@pytest.mark.parametrize(
    ("given", "layer", "said"),
    [
        ({"per_class": 12}, "block-02", None),
        ({"per_class": 13}, "block-02", "class '0' gives 12 training images"),
        ({"per_class": 6, "images_per_class": 5}, "block-02", "class '0' gives 5 training images"),
        ({"per_class": 6, "images_per_class": 5, "crops": 2}, "block-02", None),
        ({"per_class": 2, "jobs": 4}, "block-02", r"features\.jobs must be at most the number of classes \(3\)"),
        ({"per_class": 2}, "block-03", "the model has no layer 'block-03'"),
    ],
)
def test_what_a_study_needs_is_checked_before_a_network_is_there(root, digit_shards, model_config, given, layer, said):
    own = {"model": model_config, "features": given, "activations": {"layers": ["stem", layer]}}
    config = checked(own, root / "workflow/schemas/config.schema.yaml")
    if said:
        with pytest.raises(StrataError, match=said):
            features.check(config, digit_shards)
    else:
        features.check(config, digit_shards)


def test_negative_activations_are_told():
    with pytest.raises(StrataError, match="penultimate activations are negative"):
        discover(uniform(12, 7) - 0.1, [0] * 6 + [1] * 6)


def discovered(walk, images, output):
    caching = {"pool": 1, "tokens": "mean", "batch_size": 16}
    features.discover_checkpoint(images, walk.checkpoint, walk.model, caching, "nmf", 2, 0, 1e-6, 500, output)
    return store.read(output, kind="features")


def test_a_checkpoints_features_come_from_its_training_images_alone(walk):
    found, about = store.read(walk.features, kind="features")
    activations, labels = [], []
    for path, source in zip(walk.activations["penultimate"], walk.images, strict=True):
        images = store.read(source)[0]
        activations.append(store.read(path)[0]["activations"][images["train"]])
        labels.append(images["labels"][images["train"]])
    expected, origin = features.discover(
        np.concatenate(activations).astype(float), np.concatenate(labels), ["0", "1", "2"], "nmf", 2, 0, 1e-6, 500
    )
    # Their images come in another order, and in batches of others.
    assert ((found["dictionary"] * expected).sum(1) > 1 - 1e-4).all()
    assert (found["origin"] == origin).all()
    network = models.build(walk.model, 3)
    assert about["checkpoint"] == models.load(walk.checkpoint, network)
    assert about["classes"] == ["0", "1", "2"]
    np.testing.assert_array_equal(found["head_weight"], network.head.weight.detach().numpy())
    np.testing.assert_array_equal(found["head_bias"], network.head.bias.detach().numpy())


def test_images_are_read_a_part_at_a_time(walk, tmp_path, monkeypatch):
    whole, _ = discovered(walk, walk.discovery, tmp_path / "whole.h5")
    reads = []
    read = store.Shard.read
    monkeypatch.setattr(features, "IMAGES_AT_ONCE", 16)
    monkeypatch.setattr(store.Shard, "read", lambda *args: reads.append(read(*args)) or reads[-1])
    parts, _ = discovered(walk, walk.discovery, tmp_path / "parts.h5")
    np.testing.assert_array_equal(parts["dictionary"], whole["dictionary"])
    assert [len(images) for images in reads if images.ndim == 4] == [8, 16, 16, 4]


def test_classes_in_jobs_of_their_own_have_the_features_that_they_have_together(walk, tmp_path):
    together, about = store.read(walk.features, kind="features")
    parts = []
    for job in range(3):
        images, parts = tmp_path / f"images-{job}.h5", [*parts, tmp_path / f"classes-{job}.h5"]
        discovery.write_images(walk.images, None, None, 3, job, images)
        found, _ = discovered(walk, images, parts[-1])
        assert found["origin"].tolist() == [job, job]
    dictionary.gather(parts, tmp_path / "features.h5")
    gathered, said = store.read(tmp_path / "features.h5", kind="features")
    assert said == about
    assert gathered.keys() == together.keys()
    np.testing.assert_array_equal(gathered["origin"], together["origin"])
    np.testing.assert_array_equal(gathered["head_weight"], together["head_weight"])
    assert ((gathered["dictionary"] * together["dictionary"]).sum(1) > 0.99).all()


def test_a_class_starts_the_same_alone_and_beside_a_larger_one():
    small, large = (torch.from_numpy(uniform(n, 12, seed=n)) for n in (15, 60))
    both = torch.zeros(2, 60, 12, dtype=small.dtype)
    both[0, :15], both[1] = small, large
    alone, together = features._start(small[None], 4, 0), features._start(both, 4, 0)
    torch.testing.assert_close(together[1][0], alone[1][0])
    torch.testing.assert_close(together[0][0, :15], alone[0][0], rtol=0, atol=0.02)  # their noise is other noise


@pytest.mark.parametrize(
    ("after", "fits"), [(torch.softmax, True), (torch.log_softmax, True), (lambda x, dim: x - 1, False)]
)
def test_a_head_that_does_not_give_the_answer_is_told(walk, tmp_path, monkeypatch, after, fits):
    network = models.build(walk.model, 3)
    forward = type(network).forward
    monkeypatch.setattr(type(network), "forward", lambda self, x: after(forward(self, x), dim=1))
    if fits:
        discovered(walk, walk.discovery, tmp_path / "features.h5")
    else:
        with pytest.raises(StrataError, match=r"config key model\.head: the last linear layer does not give"):
            discovered(walk, walk.discovery, tmp_path / "features.h5")


def test_features_of_another_checkpoint_are_not_gathered(walk, tmp_path):
    arrays, about = store.read(walk.features)
    store.write(tmp_path / "other.h5", arrays, **about | {"checkpoint": "another"})
    with pytest.raises(StrataError, match=r"other\.h5 does not fit here: its checkpoint is 'another'"):
        dictionary.gather([walk.features, tmp_path / "other.h5"], tmp_path / "features.h5")


def test_semi_nmf_fits_activations_of_any_sign_with_non_negative_codes():
    rng = np.random.default_rng(0)
    z = rng.gamma(1, 1, (60, 4)) * (rng.random((60, 4)) < 0.5)
    a = torch.from_numpy(z @ rng.standard_normal((4, 20)))[None]
    u, d = features.factorise(a, 4, 0, 1e-12, 5000, signed=True)
    assert u.min() >= 0
    assert d.min() < 0
    assert (a - u @ d).square().sum() < 1e-4 * a.square().sum()
    clipped, directions = features.factorise(a.clamp(min=0), 4, 0, 1e-12, 5000)
    assert (a - clipped @ directions).square().sum() > 0.1 * a.square().sum()


def test_negative_activations_need_semi_nmf():
    activations = np.random.default_rng(0).standard_normal((20, 6))
    labels = np.repeat([0, 1], 10)
    with pytest.raises(StrataError, match=r"config key features\.method.*allowed then: semi-nmf"):
        features.discover(activations, labels, ["a", "b"], "nmf", 2, 0, 1e-8, 100)
    found, _ = features.discover(activations, labels, ["a", "b"], "semi-nmf", 2, 0, 1e-8, 100)
    assert found.min() < 0
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-6)
