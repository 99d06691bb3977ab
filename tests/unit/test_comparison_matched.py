"""The same features in several networks, matched over the images that runs share."""

import numpy as np
import pandas as pd
import pytest
from finished_runs import features, finding, pixels, write_run
from scipy.stats import spearmanr

import strata
from strata.comparison.matched import FEWEST, agreement, matched
from strata.config.keys import Questions

N, PER_CLASS = 150, 5
CLASSES = "abcdefghij"
IDS = [f"image-{i:03d}" for i in range(N)]
RNG = np.random.default_rng(3)
CODES = RNG.gamma(0.5, size=(N, PER_CLASS * len(CLASSES))).astype(np.float32)
# Within every class, the other network has the features in another order.
ORDER = np.concatenate([PER_CLASS * c + RNG.permutation(PER_CLASS) for c in range(len(CLASSES))])


def run(folder, table=None, images=None, ids=None, codes=None, **more):
    given = {"images": pixels(N) if images is None else images, "ids": ids or IDS}
    own = features(PER_CLASS, CLASSES) if table is None else table
    return strata.load(
        write_run(folder, [finding("q1.spectrum")], own, codes=CODES if codes is None else codes, **given, **more)
    )


@pytest.fixture
def one(tmp_path):
    return run(tmp_path / "one")


def moved(noise=0.05, seed=1):
    """Return the features of another network: those of the first in another order, complexity a little off."""
    own = features(PER_CLASS, CLASSES)
    k = own["complexity"].to_numpy()[ORDER] + noise * np.random.default_rng(seed).normal(size=len(own))
    return own.assign(complexity=k, relative_complexity=1 - k)


def test_features_are_found_again_whatever_the_order_of_features_images_and_shards(one, tmp_path):
    rows = RNG.permutation(N)
    noisy = (CODES[:, ORDER] + 0.02 * RNG.normal(size=CODES.shape).astype(np.float32))[rows]
    other = run(tmp_path / "other", moved(), pixels(N)[rows], [IDS[i] for i in rows], noisy, shards=3)
    table, unmatched = matched({"one": one, "other": other})
    assert unmatched == []
    assert len(table) == len(ORDER)
    assert set(table["images"]) == {N}
    assert (ORDER[table["other_feature"]] == table["feature"]).all()
    back = np.empty_like(noisy)
    back[rows] = noisy
    for row in table.iloc[::7].to_dict("records"):
        r = np.corrcoef(CODES[:, row["feature"]], back[:, row["other_feature"]])[0, 1]
        assert row["correlation"] == pytest.approx(r, abs=1e-6)
        assert row["other_complexity"] == pytest.approx(moved()["complexity"][row["other_feature"]])

    told = agreement(table, Questions()).iloc[0]
    assert (told["run"], told["other_run"], told["images"], told["n"]) == ("one", "other", N, len(ORDER))
    k = features(PER_CLASS, CLASSES)["complexity"].to_numpy()
    rho = spearmanr(k[ORDER], moved()["complexity"]).statistic
    assert told["rho"] == pytest.approx(rho)
    assert told["rho_low"] < rho < told["rho_high"] < 1
    assert told["rho_relative"] == pytest.approx(-rho)
    assert told["correlation"] == pytest.approx(table["correlation"].median())


def test_features_whose_codes_are_alike_are_told_apart(one, tmp_path):
    codes = CODES[:, ORDER].copy()
    codes[:, ::2] = RNG.gamma(0.5, size=codes[:, ::2].shape)
    table, _ = matched({"one": one, "other": run(tmp_path / "other", moved(), codes=codes)})
    same = table[table["correlation"] >= 0.9]
    told = agreement(table, Questions()).iloc[0]
    assert told["n_same"] == len(same) == len(ORDER) // 2
    assert told["rho_same"] == pytest.approx(spearmanr(same["complexity"], same["other_complexity"]).statistic)


def test_images_of_the_same_names_and_other_pixels_are_not_shared(one, tmp_path):
    images = pixels(N)
    images[: N - FEWEST + 1, 0, 0, 0] += 1  # one image too few is left
    table, unmatched = matched({"one": one, "other": run(tmp_path / "other", images=images)})
    assert table.empty
    assert unmatched == [f"fewer than {FEWEST} images in common: one and other"]
    images[0] = pixels(N)[0]
    table, unmatched = matched({"one": one, "other": run(tmp_path / "other", images=images)})
    assert set(table["images"]) == {FEWEST}
    assert unmatched == []


def test_images_of_other_names_are_not_shared(one, tmp_path):
    table, unmatched = matched({"one": one, "other": run(tmp_path / "other", ids=[f"x{i}" for i in range(N)])})
    assert agreement(table, Questions()).empty
    assert unmatched == ["no images in common: one and other"]


def test_classes_and_numbers_of_features_may_differ(one, tmp_path):
    fewer = features(3, "xcb")
    codes = np.concatenate([RNG.gamma(0.5, size=(N, 3)), CODES[:, [12, 14, 10]], CODES[:, [5, 6, 9]]], axis=1)
    table, _ = matched({"one": one, "other": run(tmp_path / "other", fewer, codes=codes.astype(np.float32))})
    pairs = dict(zip(table["feature"], table["other_feature"], strict=True))
    assert pairs == {12: 3, 14: 4, 10: 5, 5: 6, 6: 7, 9: 8}
    nothing, unmatched = matched({"one": one, "other": run(tmp_path / "other", features(3, "xyz"), codes=codes)})
    assert nothing.empty
    assert unmatched == ["images in common, but no class: one and other"]


def test_a_constant_code_has_no_correlation(one, tmp_path):
    codes = CODES.copy()
    codes[:, 7] = 0.5
    table, _ = matched({"one": one, "other": run(tmp_path / "other", codes=codes)})
    assert table.set_index("feature")["correlation"].isna().to_dict() == {i: i == 7 for i in range(CODES.shape[1])}


def test_a_run_that_no_longer_has_its_codes_is_named(one, tmp_path):
    bare = strata.load(write_run(tmp_path / "bare", [finding("q1.spectrum")], features()))
    other = run(tmp_path / "other")
    table, unmatched = matched({"one": one, "bare": bare, "other": other})
    assert set(zip(table["run"], table["other_run"], strict=True)) == {("one", "other")}
    assert unmatched == ["images and codes are gone from one of the two: one and bare; bare and other"]


def test_of_several_seeds_the_first_is_matched(one, tmp_path):
    first = features(PER_CLASS, CLASSES)
    both = pd.concat([first, first.assign(seed=1, complexity=-1.0)])
    table, _ = matched({"one": one, "other": run(tmp_path / "other", both)})
    assert len(table) == CODES.shape[1]
    assert (table["complexity"] == table["other_complexity"]).all()
