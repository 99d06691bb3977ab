import numpy as np
import pytest
import torch
from scipy.optimize import nnls
from sklearn.datasets import load_digits
from sklearn.decomposition import NMF

from strata import features, models, store
from strata.errors import StrataError


def uniform(*shape, seed=0):
    return np.random.default_rng(seed).random(shape)


def objective(a, z, d):
    return 0.5 * np.square(a - z @ d).sum(-1)


PROBLEMS = {
    "as many features as units": (uniform(20, 12), uniform(12, 12, seed=1)),
    "few features": (uniform(20, 12), uniform(4, 12, seed=1)),
    "more features than units": (uniform(20, 6), uniform(30, 6, seed=1)),
    "sparse rows": (uniform(20, 12) * (uniform(20, 12, seed=3) < 0.3), uniform(9, 12, seed=1) ** 4),
    "activations of either sign": (uniform(20, 12) - 0.5, uniform(8, 12, seed=1)),
    "twin features": (uniform(20, 12), np.repeat(uniform(4, 12, seed=1), 2, axis=0)),
    "a feature and an image of zeros": (
        uniform(20, 12) * (np.arange(20) > 0)[:, None],
        uniform(6, 12, seed=1) * (np.arange(6) > 0)[:, None],
    ),
    "large values": (1e4 * uniform(20, 12), uniform(8, 12, seed=1)),
    "small values": (1e-4 * uniform(20, 12), uniform(8, 12, seed=1)),
}


@pytest.mark.parametrize(("a", "d"), PROBLEMS.values(), ids=PROBLEMS)
def test_codes_are_those_of_scipys_non_negative_least_squares(a, d):
    found = features.encode(torch.from_numpy(a), torch.from_numpy(d), 1e-9, 50_000)
    z, scale = found.z.numpy(), np.square(a).sum(1).max()
    expected = np.stack([nnls(d.T, row)[0] for row in a])
    assert (z >= 0).all()
    np.testing.assert_allclose(objective(a, z, d), objective(a, expected, d), rtol=1e-6, atol=1e-9 * scale)
    if np.linalg.matrix_rank(d) == len(d):  # else the codes are not unique
        np.testing.assert_allclose(z, expected, atol=1e-5 * max(1, np.abs(expected).max()))
    assert (found.residual <= 1e-9).all()


@pytest.mark.parametrize(("a", "d"), PROBLEMS.values(), ids=PROBLEMS)
@pytest.mark.parametrize("tolerance", [1e-2, 1e-6])
def test_the_residual_is_the_violation_of_the_kkt_conditions(a, d, tolerance):
    found = features.encode(torch.from_numpy(a), torch.from_numpy(d), tolerance, 50_000)
    z = found.z.numpy()
    gradient = (z @ d - a) @ d.T
    violation = np.abs(np.minimum(z, gradient)).max(1)
    scale = np.maximum(np.abs(a @ d.T).max(1), np.finfo(float).tiny)
    np.testing.assert_allclose(found.residual.numpy(), violation / scale, rtol=1e-6, atol=1e-12)
    assert (found.residual <= tolerance).all()


def test_images_beyond_the_limit_of_iterations_are_returned_unsolved():
    a, d = (torch.from_numpy(uniform(5, 12)), torch.from_numpy(uniform(12, 12, seed=1)))
    few, many = (features.encode(a, d, 1e-12, n) for n in (7, 5000))
    assert few.iterations == 7
    assert (few.residual > 1e-12).any()
    assert (objective(a.numpy(), few.z.numpy(), d.numpy()) >= objective(a.numpy(), many.z.numpy(), d.numpy())).all()
    assert (few.z >= 0).all()


def test_the_code_of_an_image_does_not_depend_on_the_others():
    a, d = (torch.from_numpy(uniform(9, 12)), torch.from_numpy(uniform(8, 12, seed=1)))
    together, alone = features.encode(a, d, 1e-9, 50_000).z, features.encode(a[:2], d, 1e-9, 50_000).z
    torch.testing.assert_close(together[:2], alone, atol=1e-7, rtol=0)


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
    return features.discover(activations, np.array(labels), classes, per_class, 0, 1e-8, 2000)


def test_the_dictionary_holds_unit_rows_of_every_class_in_order():
    labels = [0] * 9 + [1] * 14
    activations = uniform(23, 7)
    dictionary, origin = discover(activations, labels)
    assert dictionary.shape == (4, 7)
    np.testing.assert_allclose(np.linalg.norm(dictionary, axis=1), 1)
    assert (dictionary >= 0).all()
    assert list(origin) == [0, 0, 1, 1]


def test_the_features_of_a_class_are_the_parts_that_its_images_are_made_of():
    parts = np.eye(8)[[[0, 1, 2], [3, 4, 5]]].sum(1)  # two parts of three units each, no unit shared
    mixed = np.concatenate([np.eye(2), uniform(38, 2)]) @ parts  # each is seen alone once: no other answer
    dictionary, _ = discover(np.concatenate([mixed, uniform(12, 8, seed=5)]), [0] * 40 + [1] * 12)
    overlap = dictionary[:2] @ (parts / np.linalg.norm(parts, axis=1, keepdims=True)).T
    np.testing.assert_allclose(overlap.max(1), 1, atol=1e-3)
    assert sorted(overlap.argmax(1)) == [0, 1]


def test_a_class_without_any_activation_gives_rows_of_zeros():
    dictionary, _ = discover(np.concatenate([uniform(9, 7), np.zeros((9, 7))]), [0] * 9 + [1] * 9)
    assert np.isfinite(dictionary).all()
    np.testing.assert_allclose(np.linalg.norm(dictionary, axis=1), [1, 1, 0, 0])


def test_a_class_with_fewer_images_than_the_rank_is_told():
    with pytest.raises(StrataError, match=r"class 'dog' has 3 training images .* features\.per_class: 4") as error:
        discover(uniform(12, 7), [0] * 9 + [1] * 3, per_class=4)
    assert "\n" not in str(error.value)
    with pytest.raises(StrataError, match="class 'emu' has 0 training images"):
        discover(uniform(12, 7), [0] * 6 + [1] * 6, classes=("cat", "dog", "emu"))


def test_negative_activations_are_told():
    with pytest.raises(StrataError, match="penultimate activations are negative"):
        discover(uniform(12, 7) - 0.1, [0] * 6 + [1] * 6)


def test_importance_is_gradient_times_input_by_autograd():
    rng = np.random.default_rng(0)
    d, w, b = rng.random((6, 9)), rng.normal(size=(4, 9)), rng.normal(size=4)
    codes = rng.random((20, 6)) * (rng.random((20, 6)) < 0.7)
    classes = (codes @ d @ w.T + b).argmax(1)
    z = torch.from_numpy(codes).requires_grad_()
    y = z @ torch.from_numpy(d) @ torch.from_numpy(w).T + torch.from_numpy(b)
    y.gather(1, torch.from_numpy(classes)[:, None]).sum().backward()
    product = (z.grad * z).detach().numpy()
    absolute, signed = features.importance(codes, d @ w.T, classes)
    np.testing.assert_allclose(absolute, np.abs(product).sum(0), rtol=1e-10)
    np.testing.assert_allclose(signed, product.sum(0), rtol=1e-10, atol=1e-12)


def test_a_checkpoints_features_come_from_its_training_images_alone(walk):
    found, about = store.read(walk.features, kind="features")
    activations, labels = [], []
    for path, source in zip(walk.activations["penultimate"], walk.images, strict=True):
        images = store.read(source)[0]
        activations.append(store.read(path)[0]["activations"][images["train"]])
        labels.append(images["labels"][images["train"]])
    expected, origin = features.discover(
        np.concatenate(activations).astype(float), np.concatenate(labels), ["0", "1", "2"], 2, 0, 1e-6, 500
    )
    assert (found["dictionary"] == expected).all()
    assert (found["origin"] == origin).all()
    network = models.build(walk.model["source"], walk.model["arguments"], 3)
    assert about["checkpoint"] == models.load(walk.checkpoint, network)
    assert about["classes"] == ["0", "1", "2"]
    np.testing.assert_array_equal(found["head_weight"], network.head.weight.detach().numpy())
    np.testing.assert_array_equal(found["head_bias"], network.head.bias.detach().numpy())


def test_features_of_activations_of_another_checkpoint_are_refused(walk, tmp_path):
    other = walk.checkpoint.with_name("epoch-000.pt")
    arguments = [walk.activations["penultimate"], walk.images, other, walk.model, 2, 0, 1e-6, 500]
    with pytest.raises(StrataError, match="was made by another checkpoint than") as error:
        features.discover_checkpoint(*arguments, tmp_path / "features.h5")
    assert str(walk.activations["penultimate"][0]) in str(error.value)
    assert str(other) in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_codes_are_written_with_how_well_they_reconstruct(walk):
    d = store.read(walk.features)[0]["dictionary"]
    for path, source in zip(walk.codes, walk.activations["penultimate"], strict=True):
        arrays, about = store.read(path, kind="codes")
        a = store.read(source)[0]["activations"].astype(float)
        expected = np.stack([nnls(d.T, row)[0] for row in a])
        found, best = (objective(a, z, d).sum() for z in (arrays["codes"], expected))
        assert found == pytest.approx(best, rel=1e-5)
        lost = np.square(a - arrays["codes"] @ d).sum() / np.square(a - a.mean(0)).sum()
        assert about["r2"] == pytest.approx(1 - lost, abs=1e-5)
        assert about["zeros"] == pytest.approx((arrays["codes"] == 0).mean())
        assert about["unsolved"] == 0
        assert about["features"] == store.digest(d.tobytes())
        assert (arrays["residual"] <= 1e-6).all()


def test_unsolved_codes_are_counted_and_told(walk, tmp_path, capsys):
    features.encode_shard(walk.features, walk.activations["penultimate"][0], 1e-12, 2, tmp_path / "codes.h5")
    unsolved = store.read(tmp_path / "codes.h5")[1]["unsolved"]
    assert unsolved > 0
    assert f"{unsolved} of " in capsys.readouterr().out


def test_codes_of_another_layer_are_refused(walk, tmp_path):
    with pytest.raises(StrataError, match="its layer is 'stem', expected 'penultimate'"):
        features.encode_shard(walk.features, walk.activations["stem"][0], 1e-6, 100, tmp_path / "codes.h5")


def test_shuffled_codes_keep_each_features_values_and_lose_their_images(walk, tmp_path):
    first, again, other = (tmp_path / f"{name}.h5" for name in ("first", "again", "other"))
    for path, seed in ((first, 0), (again, 0), (other, 1)):
        features.shuffle_shard(walk.codes[0], seed, path)
    codes, about = store.read(walk.codes[0])
    arrays, made = store.read(first, kind="codes", images=about["images"])
    shuffled = arrays["codes"]
    np.testing.assert_array_equal(np.sort(shuffled, axis=0), np.sort(codes["codes"], axis=0))
    varied = codes["codes"].std(0) > 0
    assert varied.any()
    assert all((shuffled[:, i] != codes["codes"][:, i]).any() for i in np.flatnonzero(varied))
    rows, mixed = ({tuple(row) for row in z} for z in (codes["codes"], shuffled))
    assert rows != mixed  # features are shuffled apart, not whole images
    assert made["features"] == f"shuffled {about['features']}"
    assert again.read_bytes() == first.read_bytes() != other.read_bytes()
