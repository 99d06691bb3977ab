import numpy as np
import pytest
import torch
from scipy.optimize import linprog, nnls

from strata import store
from strata.errors import StrataError
from strata.features import codes
from strata.features.dictionary import read_dictionary


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
    found = codes.encode(torch.from_numpy(a), torch.from_numpy(d), tolerance=1e-9, max_iterations=50_000)
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
    found = codes.encode(torch.from_numpy(a), torch.from_numpy(d), tolerance=tolerance, max_iterations=50_000)
    z = found.z.numpy()
    # Of the problem whose dictionary has rows of unit norm.
    norms = np.linalg.norm(d, axis=1)
    unit = d / np.where(norms > 0, norms, 1)[:, None]
    violation = np.abs(np.minimum(z * norms, (z @ d - a) @ unit.T)).max(1)
    scale = np.maximum(np.abs(a @ unit.T).max(1), np.finfo(float).tiny)
    np.testing.assert_allclose(found.residual.numpy(), violation / scale, rtol=1e-6, atol=1e-12)
    assert (found.residual <= tolerance).all()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("features", [8, 12])
def test_the_sizes_of_the_dictionarys_rows_do_not_matter(features, seed):
    rng = np.random.default_rng(seed)
    sizes = 10 ** rng.uniform(-6, 6, features)
    sizes[:2] = 1e-6, 1e6
    a, unit = uniform(20, 12, seed=seed), uniform(features, 12, seed=seed + 100)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    found = codes.encode(torch.from_numpy(a), torch.from_numpy(unit * sizes[:, None]), tolerance=1e-10)
    expected = np.stack([nnls(unit.T, row)[0] for row in a])
    np.testing.assert_allclose(found.z.numpy() * sizes, expected, atol=1e-7 * max(1, expected.max()))
    assert (found.residual <= 1e-10).all()
    warm = codes.encode(torch.from_numpy(a), torch.from_numpy(unit * sizes[:, None]), tolerance=1e-9, start=found.z)
    np.testing.assert_allclose(warm.z.numpy() * sizes, expected, atol=1e-7 * max(1, expected.max()))


def test_a_row_of_zeros_has_codes_of_zero():
    d = uniform(6, 12, seed=1) * np.array([1, 0, 1e6, 1e-6, 0, 1])[:, None]
    found = codes.encode(torch.from_numpy(uniform(20, 12)), torch.from_numpy(d))
    assert not found.z[:, [1, 4]].any()
    assert found.z[:, [0, 2, 3, 5]].any(0).all()
    assert not found.ambiguous.any()


def other_codes(a, d, z):
    """Tell by linear programming whether a code other than z reconstructs the same, and does not fall below 0."""
    norms = np.linalg.norm(d, axis=1)
    d, z = d / norms[:, None], z * norms
    # Differences v of two codes: v D = 0, z + v ≥ 0; how far can any entry go?
    bounds = [(-value, 10.0) for value in z]
    signs = [sign * row for row in np.eye(len(d)) for sign in (-1, 1)]
    return max(-linprog(c, A_eq=d.T, b_eq=np.zeros(d.shape[1]), bounds=bounds).fun for c in signs) > 1e-6


AMBIGUOUS = {
    **PROBLEMS,
    "a feature that is the sum of two": (
        np.maximum(uniform(20, 12) - 0.3, 0),
        np.vstack([np.eye(12)[:6], np.eye(12)[0] + np.eye(12)[1], np.eye(12)[2] + np.eye(12)[3]]),
    ),
}
AMBIGUOUS.pop("a feature and an image of zeros")  # codes of zero by convention: above


@pytest.mark.slow
@pytest.mark.parametrize(("a", "d"), AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_codes_that_are_not_unique_are_told(a, d):
    found = codes.encode(torch.from_numpy(a), torch.from_numpy(d), tolerance=1e-11, max_iterations=5000)
    expected = [other_codes(row, d, z) for row, z in zip(a, found.z.numpy(), strict=True)]
    assert found.ambiguous.tolist() == expected
    if np.linalg.matrix_rank(d) == len(d):
        assert not any(expected)


def test_twin_features_make_the_codes_of_images_that_have_them_ambiguous():
    d = np.vstack([np.eye(6)[:4], 1e3 * np.eye(6)[3]])
    a = np.eye(6)[[0, 3, 5]] + np.array([0.5, 0, 0, 0, 0, 0])
    found = codes.encode(torch.from_numpy(a), torch.from_numpy(d))
    assert found.ambiguous.tolist() == [False, True, False]


def test_images_beyond_the_limit_of_iterations_are_returned_unsolved():
    a, d = (torch.from_numpy(uniform(40, 60)), torch.from_numpy(uniform(80, 60, seed=1)))
    far = torch.zeros(40, 80, dtype=a.dtype)
    none, many = (codes.encode(a, d, tolerance=1e-12, max_iterations=n, start=far) for n in (0, 500))
    assert len(none.unsolved(1e-12)) > 0
    assert len(many.unsolved(1e-12)) == 0
    assert (objective(a.numpy(), none.z.numpy(), d.numpy()) >= objective(a.numpy(), many.z.numpy(), d.numpy())).all()
    assert (none.z >= 0).all()


def test_codes_can_start_from_those_of_nearly_the_same_activations():
    a, d = (torch.from_numpy(uniform(20, 12)), torch.from_numpy(uniform(9, 12, seed=1)))
    cold = codes.encode(a, d, tolerance=1e-10, max_iterations=100)
    warm = codes.encode(a + 1e-3, d, tolerance=1e-10, max_iterations=100, start=cold.z)
    torch.testing.assert_close(
        warm.z, codes.encode(a + 1e-3, d, tolerance=1e-10, max_iterations=100).z, atol=1e-8, rtol=0
    )
    assert len(codes.encode(a, d, tolerance=1e-8, max_iterations=0, start=cold.z).unsolved(1e-8)) == 0


def test_the_code_of_an_image_does_not_depend_on_the_others():
    a, d = (torch.from_numpy(uniform(9, 12)), torch.from_numpy(uniform(8, 12, seed=1)))
    together, alone = (
        codes.encode(a, d, tolerance=1e-9, max_iterations=50_000).z,
        codes.encode(a[:2], d, tolerance=1e-9, max_iterations=50_000).z,
    )
    torch.testing.assert_close(together[:2], alone, atol=1e-7, rtol=0)


def test_small_systems_take_no_more_memory_than_work_may_though_supports_grow(monkeypatch):
    a, d = (torch.from_numpy(x) for x in (uniform(40, 30), uniform(60, 30, seed=1) ** 4))
    nothing = torch.zeros(40, 60, dtype=torch.float64)  # to start from: every support grows
    expected = codes.encode(a, d, start=nothing)
    factored, factor = [], codes._factor
    monkeypatch.setattr(codes, "working_bytes", lambda device: 100_000)
    monkeypatch.setattr(codes, "_factor", lambda small: factored.append(small.shape) or factor(small))
    found = codes.encode(a, d, start=nothing)
    torch.testing.assert_close(found.z, expected.z, atol=1e-9, rtol=0)
    assert max(width for _, width, _ in factored) > 32
    assert max(count * width**2 for count, width, _ in factored if count > 1) * 24 <= 100_000


def test_codes_are_written_with_how_well_they_reconstruct(walk):
    found, _ = read_dictionary(walk.dictionary)
    d = found["dictionary"]
    for path, source in zip(walk.codes, walk.activations["penultimate"], strict=True):
        arrays, about = store.read(path, kind="codes")
        a = store.read(source)[0]["activations"].astype(float)
        expected = np.stack([nnls(d.T, row)[0] for row in a])
        own, best = (objective(a, z, d).sum() for z in (arrays["codes"], expected))
        assert own == pytest.approx(best, rel=1e-5)
        lost = np.square(a - arrays["codes"] @ d).sum() / np.square(a - a.mean(0)).sum()
        assert about["r2"] == pytest.approx(1 - lost, abs=1e-5)
        assert about["zeros"] == pytest.approx((arrays["codes"] == 0).mean())
        assert about["unsolved"] == 0
        solved = codes.encode(torch.from_numpy(a), torch.from_numpy(d))
        assert about["ambiguous"] == int(solved.ambiguous.sum())
        assert about["features"] == store.digest(d.tobytes())
        assert (arrays["residual"] <= 1e-6).all()
        np.testing.assert_array_equal(arrays["predicted"], (a @ found["head_weight"].T + found["head_bias"]).argmax(1))
        z = arrays["codes"].astype(float)
        np.testing.assert_array_equal(arrays["sums"][0], (z > 0).sum(0))
        np.testing.assert_allclose(arrays["sums"][1:], [(z**power).sum(0) for power in (1, 2, 3)], rtol=1e-5)


def test_unsolved_codes_are_counted_and_told(walk, tmp_path, capsys):
    codes.encode_shard(
        walk.dictionary,
        walk.activations["penultimate"][0],
        method="nmf",
        tolerance=1e-30,
        max_iterations=2,
        output=tmp_path / "codes.h5",
    )
    unsolved = store.read(tmp_path / "codes.h5")[1]["unsolved"]
    assert unsolved > 0
    assert f"{unsolved} of " in capsys.readouterr().out


def test_codes_of_another_layer_are_refused(walk, tmp_path):
    with pytest.raises(StrataError, match=r"its layer is .*'stem'.*, expected 'penultimate'"):
        codes.encode_shard(
            walk.dictionary,
            walk.activations["stem"][0],
            method="nmf",
            tolerance=1e-6,
            max_iterations=100,
            output=tmp_path / "codes.h5",
        )
