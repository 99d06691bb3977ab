"""Complexity with ever more images, and where it goes."""

import numpy as np
import pytest
import torch

from strata import store
from strata.layers import probed_layers
from strata.measures import extrapolation
from strata.probes.moments import Moments, accumulate, fold_of
from strata.probes.ridge import v_information

PENALTIES = [1e-4, 1e-2, 1.0, 100.0]
PARTS = np.array([200.0, 400, 800, 1600])


def test_a_line_in_one_over_n_is_followed_to_its_end():
    limit, slope = np.array([0.0, 0.3, 0.6, 0.9]), np.array([40.0, 25.0, 5.0, 0.0])
    found = extrapolation.extrapolated(PARTS, limit + slope / PARTS[:, None])
    assert found == pytest.approx(limit)


def test_the_line_is_the_least_squares_line_weighed_by_the_square_of_n():
    k = np.random.default_rng(0).uniform(0.3, 0.32, size=(4, 5))
    for column, limit in zip(k.T, extrapolation.extrapolated(PARTS, k), strict=True):
        _, start = np.polyfit(1 / PARTS, column, 1, w=PARTS)  # whose weights are of residuals, not of squares
        assert limit == pytest.approx(start)


@pytest.mark.parametrize(
    "k",
    [
        [0.60, 0.60, 0.50, 0.45],  # the smallest part lies off the line that the others make
        [0.17, 0.09, 0.04, 0.01],  # ends below 0
        [1.0, 1.0, 1.0, 1.02],  # ends above 1
        [0.60, 0.55, 0.50, 0.50],  # goes farther beyond all images than from half of them to all
        [np.nan, 0.5, 0.5, 0.5],  # constant in the smallest part
    ],
)
def test_what_does_not_go_along_a_line_is_missing(k):
    assert np.isnan(extrapolation.extrapolated(PARTS, np.array([k]).T)).all()


def test_too_few_parts_are_not_extrapolated():
    assert np.isnan(extrapolation.extrapolated(PARTS[1:], np.full((3, 2), 0.5))).all()


def linear_gaussian(images, units, share, seed=0):
    """Return a layer and codes of whose variance it tells known shares."""
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(images, units)), rng.normal(size=(units, len(share)))
    signal = x @ (w / np.linalg.norm(w, axis=0))
    return x, np.sqrt(share) * signal + np.sqrt(1 - share) * rng.normal(size=signal.shape)


def test_extrapolation_comes_nearer_to_what_is_known_than_all_images_do():
    share = np.linspace(0.2, 0.9, 60)
    x, z = linear_gaussian(8000, 120, share)
    images, k = [], []
    for n in (1000, 2000, 4000, 8000):
        fold = torch.arange(n) % 4
        told = v_information(
            Moments.of(torch.from_numpy(x[:n]), torch.from_numpy(z[:n]), fold=fold, folds=4), PENALTIES
        )
        images.append(n)
        k.append(1 - told.value.numpy())
    found = extrapolation.extrapolated(np.array(images, float), np.array(k))
    trusted = np.isfinite(found)
    assert trusted.mean() > 0.4
    extrapolated, measured = (values[trusted] - (1 - share)[trusted] for values in (found, k[-1]))
    assert measured.mean() > 0.005
    assert abs(extrapolated.mean()) < 0.4 * measured.mean()
    assert (extrapolated**2).mean() < (measured**2).mean()


@pytest.fixture
def shards(tmp_path):
    """Two shards of three layers, which tell more and more of the codes."""
    rng, folder = np.random.default_rng(0), tmp_path
    codes, activations = [], {layer: [] for layer in ("stem", "block-01", "penultimate")}
    for i, count in enumerate((150, 137)):
        x, z = linear_gaussian(count, 6, np.array([0.9, 0.5, 0.2]), seed=i)
        codes.append(folder / f"codes-{i}.h5")
        z = np.column_stack([z, np.full(count, 2.0)])
        store.write(codes[-1], {"codes": z.astype(np.float32)}, kind="codes", images=f"images {i}", features="f")
        for noise, layer in zip((2.0, 1.0, 0.0), activations, strict=True):
            activations[layer].append(folder / f"{layer}-{i}.h5")
            noisy = (x + noise * rng.normal(size=x.shape)).astype(np.float32)
            about = {"kind": "activations", "images": f"images {i}", "layer": layer, "checkpoint": "c"}
            store.write(activations[layer][-1], {"activations": noisy}, **about)
    return activations, codes


def measured(shards, folds=4):
    activations, codes = shards
    about = {"layers": ["stem", "block-01"], "penalties": PENALTIES, "seed": 3, "memory_mb": 64}
    probed = [path for layer in probed_layers(about["layers"]) for path in activations[layer]]
    return extrapolation.extrapolation_of_features(probed, codes, folds=folds, **about)["extrapolation"]


def test_every_part_is_probed_as_its_images_alone_are(shards):
    activations, codes = shards
    table = measured(shards)
    assert list(table.columns) == ["feature", "images", "complexity", "relative_complexity"]
    dealt = [fold_of(n, 32, seed=3, shard=f"images {i}") for i, n in enumerate((150, 137))]
    z = np.concatenate([store.read(path)[0]["codes"] for path in codes])
    part, fold = np.divmod(np.concatenate(dealt), 4)
    assert sorted(table["images"].unique()) == [(part < end).sum() for end in (1, 2, 4, 8)]
    assert (
        fold == np.concatenate([fold_of(n, 4, seed=3, shard=f"images {i}") for i, n in enumerate((150, 137))])
    ).all()
    for end in (1, 2, 4, 8):
        kept, vinfo = part < end, {}
        for layer, paths in activations.items():
            x = np.concatenate([store.read(path)[0]["activations"] for path in paths])
            own = (torch.from_numpy(values[kept]).double() for values in (x, z))
            moments = Moments.of(*own, fold=torch.from_numpy(fold[kept]), folds=4)
            vinfo[layer] = v_information(moments, PENALTIES).value.numpy()
        told = np.clip([vinfo["stem"], vinfo["block-01"]], 0, 1)
        own = table[table["images"] == kept.sum()]
        np.testing.assert_allclose(own["complexity"], 1 - told.mean(0), atol=1e-5)
        relative = 1 - np.clip(told / vinfo["penultimate"], 0, 1).mean(0)
        relative[vinfo["penultimate"] < 0.1] = np.nan
        np.testing.assert_allclose(own["relative_complexity"], relative, atol=1e-5)


def test_with_all_images_it_is_what_probes_tell(shards):
    activations, codes = shards
    whole = measured(shards).query("images == 287")
    vinfo = [
        v_information(accumulate(activations[layer], codes, layer=layer, folds=4, seed=3), PENALTIES).value.numpy()
        for layer in ("stem", "block-01")
    ]
    np.testing.assert_allclose(whole["complexity"], 1 - np.clip(vinfo, 0, 1).mean(0), atol=1e-6)


def test_features_probed_apart_have_the_same(shards, monkeypatch):
    whole = measured(shards)
    monkeypatch.setattr(extrapolation, "feature_blocks", lambda *_, **__: [slice(0, 3), slice(3, 4)])
    np.testing.assert_allclose(measured(shards), whole, atol=1e-6)


def test_a_feature_has_a_scalar_and_a_constant_code_none(shards):
    table = measured(shards)
    scalars = extrapolation.scalars(table)
    assert list(scalars.columns) == ["feature", "complexity_extrapolated"]
    assert list(scalars["feature"]) == [0, 1, 2, 3]
    wide = table.pivot(index="images", columns="feature", values="complexity")
    np.testing.assert_array_equal(
        scalars["complexity_extrapolated"], extrapolation.extrapolated(wide.index.to_numpy(float), wide.to_numpy())
    )
    assert np.isnan(scalars["complexity_extrapolated"].iloc[3])


@pytest.mark.slow
def test_parts_with_fewer_than_two_images_a_fold_are_left_out(shards):
    activations, codes = shards
    one = {layer: paths[:1] for layer, paths in activations.items()}, codes[:1]
    table = measured(one, folds=20)  # an eighth has 20 images
    assert table["images"].nunique() == 3
    assert extrapolation.scalars(table)["complexity_extrapolated"].isna().all()
