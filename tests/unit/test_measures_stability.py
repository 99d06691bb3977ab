"""Stability against brute force, known permutations, and what has no match."""

from itertools import permutations

import numpy as np
import pytest

from strata import store
from strata.errors import StrataError
from strata.measures import stability
from strata.measures.catalogue import MEASURES
from strata.scale import Scale


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def best(similar):
    """The one-to-one match with the largest sum, of all there are."""
    rows = range(len(similar))
    return max(permutations(rows), key=lambda columns: sum(similar[i, columns[i]] for i in rows))


def write_dictionary(path, d, origin, checkpoint="c"):
    store.write(path, {"dictionary": d, "origin": np.array(origin)}, kind="features", checkpoint=checkpoint)
    return path


def write_codes(folder, z, d, shards=3, images="images"):
    paths = [folder / f"shard-{i}.h5" for i in range(shards)]
    for i, path in enumerate(paths):
        about = {"images": f"{images} {i}", "features": store.digest(d.tobytes())}
        store.write(path, {"codes": z[i::shards].astype(np.float32)}, kind="codes", **about)
    return paths


@pytest.fixture
def made(tmp_path):
    """What writes a dictionary and those of two halves, with codes, and returns the table of their stability."""

    def made(d, halves, z, half_codes, origin, other_dictionaries=None, other_codes=None):
        dictionaries = [write_dictionary(tmp_path / f"{i}.h5", own, origin) for i, own in enumerate(halves)]
        codes = [write_codes(tmp_path / str(i), half_codes[i], own) for i, own in enumerate(halves)]
        return stability.stability_of_features(
            write_dictionary(tmp_path / "d.h5", d, origin),
            write_codes(tmp_path / "d", z, d),
            half_dictionaries=other_dictionaries or dictionaries,
            half_codes=other_codes or codes[0] + codes[1],
        )["stability"]

    return made


ORIGIN = [0, 0, 0, 0, 1, 1, 1]


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    d, halves = unit(rng.random((7, 5))), [unit(rng.random((7, 5))) for _ in range(2)]
    z, *codes = (np.maximum(rng.normal(size=(40, 7)), 0) for _ in range(3))
    return d, halves, z, codes


def test_matches_within_classes_are_the_best_of_all(made, drawn):
    d, halves, z, codes = drawn
    table = made(d, halves, z, codes, ORIGIN)
    assert list(table) == ["half", "feature", "match", "cosine", "correlation"]
    for half, own in table.groupby("half"):
        cosines = d @ halves[half].T
        expected = [*best(cosines[:4, :4]), *(4 + np.array(best(cosines[4:, 4:])))]
        assert own["match"].tolist() == expected
        np.testing.assert_allclose(own["cosine"], cosines[range(7), expected], rtol=1e-12)
        # The shards deal images out: the same order on both sides is all that counts.
        correlations = [np.corrcoef(z[:, i], codes[half][:, j])[0, 1] for i, j in enumerate(expected)]
        np.testing.assert_allclose(own["correlation"], correlations, rtol=1e-5)


def test_the_columns_are_means_over_both_halves(made, drawn):
    d, halves, z, codes = drawn
    table = made(d, halves, z, codes, ORIGIN)
    found = stability.scalars(table)
    assert list(found) == ["feature", "stability", "stability_codes"]
    assert found["feature"].tolist() == list(range(7))
    one, other = (own.reset_index() for _, own in table.groupby("half"))
    np.testing.assert_allclose(found["stability"], (one["cosine"] + other["cosine"]) / 2)
    np.testing.assert_allclose(found["stability_codes"], (one["correlation"] + other["correlation"]) / 2)
    table.loc[0, ["cosine", "correlation"]] = np.nan  # of one half is no mean over both
    assert np.isnan(stability.scalars(table).loc[0, ["stability", "stability_codes"]].to_numpy(float)).all()


def test_a_permuted_dictionary_is_found_again_whole(made, drawn):
    d, _, z, _ = drawn
    orders = [np.array([2, 0, 3, 1, 6, 5, 4]), np.arange(7)]
    table = made(d, [d[order] for order in orders], z, [3 * z[:, order] + 1 for order in orders], ORIGIN)
    assert table["match"].tolist() == [*orders[0].argsort(), *range(7)]
    np.testing.assert_allclose(table[["cosine", "correlation"]], 1, rtol=1e-6)


def test_rows_that_noise_has_moved_are_less_stable_the_more_it_has():
    rng = np.random.default_rng(1)
    d = unit(np.abs(rng.normal(size=(20, 300))))
    sizes = np.linspace(0, 0.05, 20)
    order = rng.permutation(20)
    noised = unit(d + sizes[:, None] * rng.normal(size=d.shape))[order]
    match, cosine = stability.matched_directions(d, noised, groups=[np.arange(20)])
    np.testing.assert_array_equal(order[match], np.arange(20))
    # A unit row and noise at a right angle to it, of length size · √300.
    np.testing.assert_allclose(cosine, 1 / np.sqrt(1 + 300 * sizes**2), atol=0.05)
    assert cosine[0] == pytest.approx(1)


def test_rows_of_no_class_are_matched_among_all(made, drawn):
    d, _, z, _ = drawn
    order = np.array([6, 5, 4, 3, 2, 1, 0])  # over what would be classes
    table = made(d, [d[order]] * 2, z, [z[:, order]] * 2, [-1] * 7)
    assert table["match"].tolist() == 2 * order.tolist()
    np.testing.assert_allclose(table[["cosine", "correlation"]], 1, rtol=1e-6)


def test_a_class_without_directions_in_a_half_has_no_stability_and_the_others_have(made, drawn):
    d, _, z, _ = drawn
    half, codes = d.copy(), z.copy()
    half[4:], codes[:, 4:] = 0, 0
    table = made(d, [half, d], z, [codes, z], ORIGIN)
    found = stability.scalars(table)
    assert found["stability"].isna().tolist() == [False] * 4 + [True] * 3
    assert found["stability_codes"].isna().tolist() == [False] * 4 + [True] * 3
    np.testing.assert_allclose(found["stability"][:4], 1)


def test_what_a_half_does_not_find_is_unstable_and_what_is_no_feature_is_missing(made, drawn):
    d, _, z, _ = (array.copy() if isinstance(array, np.ndarray) else array for array in drawn)
    half, codes = d.copy(), z.copy()
    half[0], codes[:, 0] = 0, 0  # of four, one is not found
    d[5], z[:, 5] = 0, 0.25  # no direction, and a code that is constant
    table = made(d, [half, half], z, [codes, codes], ORIGIN)
    found = stability.scalars(table).set_index("feature")
    assert found.loc[0].tolist() == [0, 0]
    assert found.loc[5].isna().all()
    np.testing.assert_allclose(found.drop([0, 5]), 1, rtol=1e-6)


def test_a_code_that_is_constant_but_for_rounding_has_no_correlation(made, drawn):
    d, halves, z, codes = drawn
    z = z.copy()
    z[:, 2] = 0.1
    table = made(d, halves, z, codes, ORIGIN)
    missing = table["correlation"].isna()
    assert table["feature"][missing].tolist() == [2, 2]
    assert table["cosine"].notna().all()


def test_what_does_not_belong_together_is_told(made, drawn, tmp_path):
    d, halves, z, codes = drawn
    other = write_dictionary(tmp_path / "other.h5", halves[0], ORIGIN, checkpoint="another")
    with pytest.raises(StrataError, match=r"other\.h5 does not fit here: its checkpoint"):
        made(d, halves, z, codes, ORIGIN, other_dictionaries=[other, other])
    paths = [path for i in (0, 1) for path in write_codes(tmp_path / f"x{i}", codes[i], halves[i], images="elsewhere")]
    with pytest.raises(StrataError, match="does not fit here: its images"):
        made(d, halves, z, codes, ORIGIN, other_codes=paths)
    with pytest.raises(StrataError, match="does not fit here: its features"):
        made(d, halves, z, codes, ORIGIN, other_codes=2 * write_codes(tmp_path / "d", z, d))


@pytest.fixture
def seeds(tmp_path):
    """What writes the codes of some seeds, and returns how their features match."""

    def seeds(codes, origin=ORIGIN):
        dictionary = write_dictionary(tmp_path / "d.h5", np.eye(len(origin)), origin)
        files = {s: write_codes(tmp_path / f"seed-{s}", z, np.eye(len(origin))) for s, z in codes.items()}
        return stability.between_seeds(dictionary, files)

    return seeds


def test_seeds_are_matched_by_their_codes_within_classes(seeds, drawn):
    z, other = drawn[2], drawn[3][0]
    table = seeds({0: z, 4: other})
    assert list(table) == ["seed", "feature", "other_seed", "match", "correlation"]
    related = np.corrcoef(z, other, rowvar=False)[:7, 7:]
    expected = np.array([*best(related[:4, :4]), *(4 + np.array(best(related[4:, 4:])))])
    one, back = (own.reset_index() for _, own in table.groupby("seed"))
    assert (one["other_seed"] == 4).all()
    assert (back["other_seed"] == 0).all()
    assert one["match"].tolist() == expected.tolist()
    assert back["match"].tolist() == expected.argsort().tolist()
    np.testing.assert_allclose(one["correlation"], related[range(7), expected], rtol=1e-5)
    np.testing.assert_allclose(back["correlation"], one["correlation"][expected.argsort()], rtol=1e-12)


def test_three_seeds_are_matched_two_by_two(seeds, drawn):
    z, order = drawn[2], np.array([2, 0, 3, 1, 6, 5, 4])
    table = seeds({1: z, 0: z[:, order], 2: 7 * z})
    assert [*table.groupby(["seed", "other_seed"]).groups] == [(a, b) for a in range(3) for b in range(3) if a != b]
    np.testing.assert_allclose(table["correlation"], 1, rtol=1e-5)
    matches = table.set_index(["seed", "other_seed"])["match"]
    assert matches[1, 2].tolist() == list(range(7))
    assert matches[0, 1].tolist() == order.tolist()
    assert matches[2, 0].tolist() == order.argsort().tolist()


def test_a_constant_code_is_missing_and_matching_one_is_no_correlation(seeds, drawn):
    z = drawn[2]
    dead = z.copy()
    dead[:, 1] = 0
    table = seeds({0: z, 1: dead}).set_index(["seed", "feature"])["correlation"]
    assert table[0, 1] == 0
    assert np.isnan(table[1, 1])
    np.testing.assert_allclose(table.drop([(0, 1), (1, 1)]), 1, rtol=1e-5)


def test_seeds_whose_codes_are_of_other_images_are_told(tmp_path, drawn):
    dictionary = write_dictionary(tmp_path / "d.h5", np.eye(7), ORIGIN)
    files = {s: write_codes(tmp_path / str(s), drawn[2], np.eye(7), images=f"of {s}") for s in (0, 1)}
    with pytest.raises(StrataError, match="does not fit here: its images"):
        stability.between_seeds(dictionary, files)


def test_the_walks_features_are_their_own_match(walk):
    files = {"half_dictionaries": [walk.dictionary] * 2, "half_codes": [*walk.codes, *walk.codes]}
    tables = MEASURES["stability"].measured({"dictionary": walk.dictionary, "codes": walk.codes} | files, {})
    found = tables["stability_scalars"]
    np.testing.assert_allclose(found["stability"], 1, rtol=1e-6)
    np.testing.assert_allclose(found["stability_codes"].dropna(), 1)


def test_more_features_and_more_pairs_of_seeds_cost_more():
    about = {
        "per_shard": 100,
        "checkpoints": 1,
        "classes": 10,
        "units": 8,
        "probed": (8,),
        "pixels": 1,
        "forward": 1,
        "encoding": 1,
    }
    about |= {"width": 4, "rates": {"disk": 1e6, "product64": 1e9}}
    few, many = (Scale(images=1000, feature_count=k, **about) for k in (100, 400))
    (seconds, memory), (more, larger) = (stability.cost(scale) for scale in (few, many))
    assert (more > 4 * seconds, larger) == (True, 4 * memory)
    two, four = (stability.cost_between_seeds(few, seeds)[0] for seeds in (2, 4))
    assert four == pytest.approx(6 * two)
