"""Support: what is left of the network's answers when features are removed."""

import numpy as np
import pandas as pd
import pytest
import torch

from strata import store
from strata.features.dictionary import read_dictionary
from strata.measures import support
from strata.measures.support import judged, kept_of_each, support_curve, support_of_seed

JUDGED = ["accuracy", "loss", "margin"]
GIVEN = {"draws": 3, "seed": 0, "steps": 5}
FEATURES = pd.DataFrame(
    {
        "feature": range(6),
        "complexity": [0.5, 0.1, np.nan, 0.3, 0.2, 0.9],
        "importance": [3.0, 2.0, 7.0, 1.0, 4.0, 2.5],
    }
)
MORE_COMPLEX = [0, 5]  # the more complex half of the five whose complexity is known


@pytest.fixture
def many(walk, tmp_path):
    """Shards of images of which half are of testing, and of codes that answer many of them rightly."""
    rng = np.random.default_rng(1)
    paths = {"code_shards": [], "image_shards": []}
    features = store.read(walk.codes[0])[1]["features"]
    for i, count in enumerate((70, 30)):
        labels = rng.integers(0, 3, count)
        codes = rng.random((count, 6)) * 3
        codes[np.arange(count), 2 * labels] += 4
        for kind, arrays in (
            ("image", {"labels": labels, "train": np.arange(count) % 2 == 0}),
            ("code", {"codes": codes.astype(np.float32)}),
        ):
            paths[f"{kind}_shards"].append(tmp_path / f"{kind}-{i}.h5")
            store.write(paths[f"{kind}_shards"][-1], arrays, kind=f"{kind}s", images=f"images {i}", features=features)
    return paths


def of_testing(paths):
    """Codes and labels of the test images, in their order."""
    tests = [~store.read(path)[0]["train"] for path in paths["image_shards"]]
    found = []
    for kind, name in (("code", "codes"), ("image", "labels")):
        arrays = (store.read(path)[0][name] for path in paths[f"{kind}_shards"])
        found.append(np.concatenate([own[test] for own, test in zip(arrays, tests, strict=True)]))
    return found[0].astype(float), found[1]


def over_groups(table):
    """Means over all test images: one row an order, draw and share."""
    keys = ["order", "draw", "share_kept"]
    sums = table[JUDGED].mul(table["n"], axis=0).assign(n=table["n"]).groupby([table[key] for key in keys]).sum()
    return sums[JUDGED].div(sums["n"], axis=0)


def test_answers_are_judged_as_torch_and_a_ranking_judge_them():
    rng = np.random.default_rng(0)
    logits, labels = 40 * rng.normal(size=(30, 5)), rng.integers(0, 5, 30)
    right, loss, margin = judged(logits, labels).T
    expected = torch.nn.functional.cross_entropy(*map(torch.from_numpy, (logits, labels)), reduction="none")
    np.testing.assert_allclose(loss, expected.numpy(), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(right, logits.argmax(1) == labels)
    for own, label, found in zip(logits, labels, margin, strict=True):
        assert found == own[label] - max(np.delete(own, label))
    np.testing.assert_array_equal(right, margin > 0)


def test_a_right_answer_has_a_positive_margin_however_large_the_logits():
    found = judged(np.array([[1e5, 0.0, -1e5], [0.0, 1e5, 0.0]]), np.array([0, 0]))
    np.testing.assert_array_equal(found, [[1, 0, 1e5], [0, 1e5, -1e5]])


def test_the_support_curve_judges_the_head_on_what_is_kept():
    rng = np.random.default_rng(0)
    codes, gradients, bias = rng.random((50, 8)), rng.normal(size=(8, 3)), rng.normal(size=3)
    labels, removed = rng.integers(0, 3, 50), rng.permutation(8)
    found = support_curve(codes, gradients, bias=bias, labels=labels, removed=removed, steps=4)
    assert found.shape == (5, 50, 3)
    for step, answers in enumerate(found):
        kept = removed[8 - 2 * step :]
        np.testing.assert_allclose(answers, judged(codes[:, kept] @ gradients[kept] + bias, labels), atol=1e-12)


@pytest.mark.parametrize(
    ("importance", "removed", "kept"),
    [
        ([1, 2, 3, 4], 0, [1, 1, 1, 1]),
        ([1, 2, 3, 4], 3, [0, 0, 1, 1]),
        ([1, 2, 3, 4], 4.5, [0, 0, 0.5, 1]),
        ([1, 2, 3, 4], 10, [0, 0, 0, 0]),
        ([0, 2, 0, 4], 2, [0, 0, 1, 1]),
        ([0, 0], 0, [1, 1]),
    ],
)
def test_features_are_removed_until_the_importance_is_gone(importance, removed, kept):
    found = kept_of_each(np.array(importance, float), removed)
    np.testing.assert_allclose(found, kept)


def test_support_starts_from_all_features_whatever_the_order(walk):
    given = {"code_shards": walk.codes, "image_shards": walk.images, **GIVEN}
    found = support_of_seed(FEATURES, walk.dictionary, **given)
    assert list(found) == ["order", "draw", "share_kept", "group", *JUDGED, "n"]
    single = {"complex first": 1, "simple first": 1, "important first": 1, "complex half": 1}
    orders = found.groupby("order")["draw"].nunique()
    assert orders.to_dict() == single | {"random": 3, "random, same importance": 3}
    curves = found[~found["order"].isin(["complex half", "random, same importance"])]
    for share in (0, 1):
        ends = curves[curves["share_kept"] == share]
        assert len(ends) == 6 * found["group"].nunique()
        for _, own in ends.groupby("group"):
            np.testing.assert_allclose(own[JUDGED], own[JUDGED].iloc[[0] * len(own)], atol=1e-9)
    pd.testing.assert_frame_equal(found, support_of_seed(FEATURES, walk.dictionary, **given))


@pytest.mark.parametrize(("count", "groups"), [(1, 1), (3, 1), (10, 5), (39, 19), (40, 20), (400, 20)])
def test_groups_of_test_images_are_of_equal_size_and_of_at_least_two(count, groups):
    dealt = support._dealt(count, np.random.default_rng(0))
    assert dealt.shape == (count, groups)
    assert (dealt.sum(1) == 1).all()
    assert np.ptp(dealt.sum(0)) <= 1
    assert count < 4 or (dealt.argmax(1) != np.arange(count) % groups).any()  # at random


def test_support_by_group_adds_up_to_that_of_all_test_images(walk, many):
    found = support_of_seed(FEATURES, walk.dictionary, **many, **GIVEN)
    per_group = found.groupby(["order", "draw", "share_kept"])["n"]
    assert (per_group.sum() == 50).all()
    assert (per_group.size() == 20).all()
    codes, labels = of_testing(many)
    arrays, _ = read_dictionary(walk.dictionary)
    logits = codes @ (arrays["dictionary"] @ arrays["head_weight"].T) + arrays["head_bias"]
    whole = over_groups(found).loc["complex first", 0, 1.0]
    np.testing.assert_allclose(whole, judged(logits, labels).mean(0), rtol=1e-9)
    assert found[found["share_kept"] == 1]["loss"].nunique() > 1  # groups differ


def test_both_points_remove_the_same_importance(walk, many):
    found = over_groups(support_of_seed(FEATURES, walk.dictionary, **many, **GIVEN)).reset_index("share_kept")
    codes, labels = of_testing(many)
    arrays, _ = read_dictionary(walk.dictionary)
    gradients = arrays["dictionary"] @ arrays["head_weight"].T

    def without(removed):
        """Remove features in turn, and of the last one as much as it takes, one at a time."""
        codes_left, kept, gone = codes.copy(), 5.0, 0.0
        for feature in removed:
            own = FEATURES["importance"][feature]
            share = min(1.0, (5.5 - gone) / own)  # of importance, the more complex half has 3 + 2.5
            codes_left[:, feature] *= 1 - share
            gone, kept = gone + share * own, kept - share
        return kept / 5, judged(codes_left @ gradients + arrays["head_bias"], labels).mean(0)

    half = found.loc["complex half", 0]
    share, expected = without(MORE_COMPLEX)
    assert half["share_kept"] == pytest.approx(share) == 0.6
    np.testing.assert_allclose(half[JUDGED].astype(float), expected, rtol=1e-9)
    rng = np.random.default_rng(GIVEN["seed"])
    for draw in range(3):
        share, expected = without(rng.permutation([0, 1, 3, 4, 5]))
        random = found.loc["random, same importance", draw]
        assert random["share_kept"] == pytest.approx(share)
        np.testing.assert_allclose(random[JUDGED].astype(float), expected, rtol=1e-9)


def test_the_complex_half_lies_on_its_curve(walk, many):
    features = FEATURES.dropna()[:4]
    found = over_groups(support_of_seed(features, walk.dictionary, **many, draws=1, seed=0, steps=4))
    np.testing.assert_allclose(found.loc["complex half", 0, 0.5], found.loc["complex first", 0, 0.5], rtol=1e-9)


def test_support_does_not_depend_on_how_many_images_are_read_at_a_time(walk, many, monkeypatch):
    whole = support_of_seed(FEATURES, walk.dictionary, **many, **GIVEN)
    monkeypatch.setattr(support, "_ROWS", 7)
    pd.testing.assert_frame_equal(whole, support_of_seed(FEATURES, walk.dictionary, **many, **GIVEN), rtol=1e-9)


def test_where_the_head_tells_other_classes_an_answer_is_right_if_it_is_that_of_all_features(walk, many, tmp_path):
    arrays, about = store.read(walk.dictionary)
    other = tmp_path / "features.h5"
    store.write(other, arrays, **about | {"classes": ["only", "two"]})
    found = over_groups(support_of_seed(FEATURES, other, **many, **GIVEN))
    whole = found.loc["random", 0, 1.0]
    assert whole["accuracy"] == 1
    assert whole["margin"] > 0
