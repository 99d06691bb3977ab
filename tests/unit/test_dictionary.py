import numpy as np

from strata import codes, dictionary, store


def test_random_directions_keep_every_units_entries_and_lose_which_go_together():
    rng = np.random.default_rng(0)
    pattern = rng.random((5, 30)) * (rng.random((5, 30)) < 0.4)
    d = np.repeat(pattern, 40, axis=0) * rng.uniform(0.9, 1.1, (200, 1))  # five directions, again and again
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    found = dictionary.random_directions(d, np.random.default_rng(1))
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
    found = dictionary.random_directions(d, np.random.default_rng(1))
    again = dictionary.random_directions(d, np.random.default_rng(1))
    np.testing.assert_array_equal(found, again)
    expected = np.random.default_rng(1).permuted(d, axis=0)
    np.testing.assert_array_equal(np.sort(expected, axis=0), np.sort(d, axis=0))
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True))


def test_a_random_direction_of_only_zeros_stays_zero():
    found = dictionary.random_directions(np.zeros((4, 3)), np.random.default_rng(0))
    np.testing.assert_array_equal(found, 0)


def test_random_directions_are_written_with_the_head_and_the_checkpoint_of_the_features(walk, tmp_path):
    dictionary.write_random_directions(walk.features, 3, tmp_path / "random.h5")
    (found, about), (real, of) = (store.read(path, kind="features") for path in (tmp_path / "random.h5", walk.features))
    assert about == of
    np.testing.assert_array_equal(found["head_weight"], real["head_weight"])
    assert not np.array_equal(found["dictionary"], real["dictionary"])
    assert "origin" not in found
    codes.encode_shard(tmp_path / "random.h5", walk.activations["penultimate"][0], 1e-6, 200, tmp_path / "codes.h5")
    assert store.read(tmp_path / "codes.h5")[0]["codes"].shape == store.read(walk.codes[0])[0]["codes"].shape
