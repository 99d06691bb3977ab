"""Controls: random directions in place of features, and codes shuffled over images."""

import numpy as np

from strata import store
from strata.claims.control_codes import write_codes
from strata.claims.control_directions import write_directions
from strata.claims.random_directions import random_directions
from strata.features import codes


def test_random_directions_keep_every_units_entries_and_lose_which_go_together():
    rng = np.random.default_rng(0)
    pattern = rng.random((5, 30)) * (rng.random((5, 30)) < 0.4)
    d = np.repeat(pattern, 40, axis=0) * rng.uniform(0.9, 1.1, (200, 1))  # five directions, again and again
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    found = random_directions(d, np.random.default_rng(1))
    assert found.shape == d.shape
    assert found.min() >= 0
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    np.testing.assert_array_equal((found > 0).sum(0), (d > 0).sum(0))
    alike = np.sort(found @ d.T, axis=1)[:, -1]
    assert (np.sort(d @ d.T, axis=1)[:, -2] > 0.999).all()
    assert np.median(alike) < 0.9
    # Entries of a unit, but for the scale of the row that each of them came to.
    for unit in range(30):
        a, b = (np.sort(x[:, unit][x[:, unit] > 0]) for x in (found, d))
        assert len(a) == 0 or 0.5 < np.median(a) / np.median(b) < 2


def test_rows_of_random_directions_before_scaling_are_permuted_unit_by_unit():
    d = np.random.default_rng(0).random((50, 3))
    found = random_directions(d, np.random.default_rng(1))
    again = random_directions(d, np.random.default_rng(1))
    np.testing.assert_array_equal(found, again)
    expected = np.random.default_rng(1).permuted(d, axis=0)
    np.testing.assert_array_equal(np.sort(expected, axis=0), np.sort(d, axis=0))
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True))


def test_a_random_direction_of_only_zeros_stays_zero():
    found = random_directions(np.zeros((4, 3)), np.random.default_rng(0))
    np.testing.assert_array_equal(found, 0)


def test_random_directions_are_written_with_the_head_and_the_checkpoint_of_the_features(walk, tmp_path):
    write_directions("random", walk.dictionary, seed=3, output=tmp_path / "random.h5")
    (found, about), (real, of) = (
        store.read(path, kind="features") for path in (tmp_path / "random.h5", walk.dictionary)
    )
    assert about == of
    np.testing.assert_array_equal(found["head_weight"], real["head_weight"])
    assert not np.array_equal(found["dictionary"], real["dictionary"])
    assert found["dictionary"].dtype == real["dictionary"].dtype
    np.testing.assert_array_equal(found["origin"], [-1] * 6)  # they come from no class
    codes.encode_shard(
        tmp_path / "random.h5",
        walk.activations["penultimate"][0],
        method="nmf",
        tolerance=1e-6,
        max_iterations=200,
        output=tmp_path / "codes.h5",
    )
    assert store.read(tmp_path / "codes.h5")[0]["codes"].shape == store.read(walk.codes[0])[0]["codes"].shape


def test_shuffled_codes_keep_each_features_values_and_lose_their_images(walk, tmp_path):
    first, again, other = (tmp_path / f"{name}.h5" for name in ("first", "again", "other"))
    for path, seed in ((first, 0), (again, 0), (other, 1)):
        write_codes("shuffled", walk.codes[0], seed=seed, output=path)
    original, about = store.read(walk.codes[0])
    arrays, made = store.read(first, kind="codes", images=about["images"])
    shuffled = arrays["codes"]
    np.testing.assert_array_equal(np.sort(shuffled, axis=0), np.sort(original["codes"], axis=0))
    varied = original["codes"].std(0) > 0
    assert varied.any()
    assert all((shuffled[:, i] != original["codes"][:, i]).any() for i in np.flatnonzero(varied))
    rows, mixed = ({tuple(row) for row in z} for z in (original["codes"], shuffled))
    assert rows != mixed  # features are shuffled apart, not whole images
    assert made["features"] == f"shuffled {about['features']}"
    assert again.read_bytes() == first.read_bytes() != other.read_bytes()
