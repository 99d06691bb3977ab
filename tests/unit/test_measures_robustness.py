import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from strata import store
from strata.activations.cache import Caching
from strata.claims.control_directions import write_directions
from strata.config.keys import Model
from strata.device import compute_device
from strata.errors import StrataError
from strata.features import codes
from strata.measures import robustness

ENCODING = {"tolerance": 1e-8, "max_iterations": 200}
MODEL = Model(mean=[0.5, 0.4, 0.3], std=[0.5, 0.25, 1.0])


class Linear(nn.Module):
    """A network whose penultimate layer is linear in the image: what noise does to it is known."""

    def __init__(self, weight, bias):
        super().__init__()
        self.inner = nn.Linear(weight.shape[1], len(weight))
        self.inner.weight.data, self.inner.bias.data = torch.from_numpy(weight), torch.from_numpy(bias)
        self.head = nn.Linear(len(weight), 2)

    def forward(self, x):
        return self.head(self.inner(x.flatten(1)))


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(256, size=(400, 3, 4, 4), dtype=np.uint8)


def linear(units=3, bias=50.0, seed=1):
    weight = np.random.default_rng(seed).normal(size=(units, 48)).astype(np.float32)
    return Linear(weight, np.full(units, bias, np.float32)), weight


def measured(network, images, dictionary, levels, batch_size=64):
    return robustness.robustness(
        network.to(compute_device()).eval(),
        images,
        dictionary=dictionary,
        levels=levels,
        seed=7,
        method="nmf",
        model=MODEL,
        caching=Caching(batch_size=batch_size),
        **ENCODING,
    )


def test_the_robustness_of_linear_features_is_signal_over_signal_and_noise(images):
    network, weight = linear()
    weight[0] *= 3  # the unit does not matter
    network.inner.weight.data = torch.from_numpy(weight)
    levels = [0.05, 0.3, 1.0]
    found = measured(network, images, np.eye(3), levels)
    std = np.repeat(MODEL.std, 16)
    signal = ((images.reshape(400, -1) / 255 / std) @ weight.T).var(0, ddof=1)
    for level, own in zip(levels, found, strict=True):
        noise = level**2 * np.square(weight / std).sum(1)
        np.testing.assert_allclose(own, signal / (signal + noise), atol=0.03)


def test_robustness_is_an_independent_analysis_of_variance_of_codes_made_by_hand(images):
    """Codes are of an over-complete dictionary, most of them zero."""
    images = images[:60]
    network, _ = linear(units=4, bias=2.0)
    d = np.random.default_rng(3).random((6, 4))
    (found,) = measured(network, images, d, [0.2])
    z = []
    for draw in range(robustness.DRAWS):
        noise = [np.random.default_rng([7, draw, i]).standard_normal((3, 4, 4), np.float32) for i in range(60)]
        x = (images / 255 + 0.2 * np.stack(noise) - np.reshape(MODEL.mean, (3, 1, 1))) / np.reshape(
            MODEL.std, (3, 1, 1)
        )
        with torch.no_grad():
            a = network.inner(torch.from_numpy(x).float().flatten(1)).double()
        z.append(codes.encode(a, torch.from_numpy(d), **ENCODING).z.numpy())
    z = np.stack(z)
    draws, n = z.shape[:2]
    ms_between = draws * np.square(z.mean(0) - z.mean((0, 1))).sum(0) / (n - 1)
    ms_within = np.square(z - z.mean(0)).sum((0, 1)) / (n * (draws - 1))
    expected = (ms_between - ms_within) / (ms_between + (draws - 1) * ms_within)  # Shrout & Fleiss 1979, ICC(1, 1)
    np.testing.assert_allclose(found, np.clip(expected, 0, 1), atol=1e-4)


def test_more_noise_is_less_robustness(images):
    network, _ = linear()
    found = measured(network, images[:100], np.eye(3), [0.1, 0.5, 2.0])
    assert (np.diff(found, axis=0) < 0).all()


def test_a_feature_whose_code_never_changes_has_no_robustness(images):
    network, weight = linear()
    weight[1] = 0  # a constant unit
    network.inner.weight.data = torch.from_numpy(weight)
    d = np.vstack([np.eye(3), np.zeros(3)])  # and a direction that no image can have
    found = measured(network, images[:50], d, [0.1])
    assert np.isnan(found).tolist() == [[False, True, False, True]]


def test_a_feature_whose_code_noise_puts_out_altogether_has_a_robustness_of_0(images, monkeypatch):
    network, _ = linear()
    dark = lambda images, level, **_: images.astype(np.float32) * (level == 0)  # noqa: E731
    monkeypatch.setattr(robustness, "noisy", dark)
    assert measured(network, images[:50], np.eye(3), [0.1]).tolist() == [[0, 0, 0]]


def test_the_size_of_a_batch_does_not_matter(images):
    network, _ = linear()
    one, other = (measured(network, images[:50], np.eye(3), [0.1], batch_size=size) for size in (50, 7))
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("draws", [2, 4, 16])
def test_intraclass_correlation_is_unbiased_whatever_the_number_of_draws(draws):
    rng = torch.Generator().manual_seed(0)
    signal, noise = torch.randn(20000, 1, generator=rng), torch.randn(draws, 20000, 3, generator=rng)
    z = signal * torch.tensor([0.0, 1.0, 3.0]) + noise
    torch.testing.assert_close(
        robustness.intraclass_correlation(z.double()), torch.tensor([0.0, 0.5, 0.9]).double(), atol=0.02, rtol=0
    )


def test_intraclass_correlation_is_1_without_noise_0_without_signal_and_missing_without_either():
    z = torch.zeros(2, 3, 3, dtype=torch.float64)
    z[:, :, 0] = torch.tensor([1.0, 2.0, 3.0])
    z[:, :, 1] = torch.tensor([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]])
    z[:, :, 2] = 0.1
    assert robustness.intraclass_correlation(z)[:2].tolist() == [1, 0]
    assert robustness.intraclass_correlation(z)[2].isnan()


def test_noise_has_its_level_is_new_for_every_image_and_draw_and_follows_the_seed():
    images = np.full((20, 3, 16, 16), 200, np.uint8)
    drawn = [robustness.noisy(images, 0.1, draw=draw, seed=0) / 255 - 200 / 255 for draw in (0, 1)]
    assert np.std(drawn) == pytest.approx(0.1, rel=0.02)
    assert abs(np.mean(drawn)) < 0.002
    flat = np.concatenate([x.reshape(20, -1) for x in drawn])
    assert abs(np.corrcoef(flat) - np.eye(40)).max() < 0.2
    one, again, other = (robustness.noisy(images, 0.1, draw=1, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    # The same noise at every level, only larger.
    np.testing.assert_allclose(robustness.noisy(images, 0.2, draw=0, seed=0) / 255 - 200 / 255, 2 * drawn[0], atol=1e-5)


@pytest.mark.parametrize("count", [1000, 48, 20, 7, 2])
def test_images_are_spread_evenly_over_all_shards(digit_shards, count):
    stored = np.concatenate([store.read(path)[0]["images"] for path in digit_shards])
    labels = np.concatenate([store.read(path)[0]["labels"] for path in digit_shards])
    found = robustness.spread_images(digit_shards, count)
    step = -(-len(stored) // count)
    np.testing.assert_array_equal(found, stored[::step])
    assert len(found) <= count
    if count >= 20:
        assert set(labels[::step]) == {0, 1, 2}


def test_a_shard_that_is_smaller_than_the_step_is_passed_over(digit_shards, tmp_path):
    parts = np.arange(10, dtype=np.uint8)
    for i, part in enumerate(np.split(parts, [4, 5, 6])):
        store.write(tmp_path / f"{i}.h5", {"images": part[:, None]}, kind="images")
    found = robustness.spread_images([tmp_path / f"{i}.h5" for i in range(4)], 3)
    assert found[:, 0].tolist() == [0, 4, 8]


def of_walk(walk, **changes):
    arguments = {"images": walk.images, "dictionary": walk.dictionary, "checkpoint": walk.checkpoint}
    arguments |= {"model": walk.model, "levels": [0.1, 0.3], "count": 20, "seed": 0, "method": "nmf", **ENCODING}
    arguments |= {"pool": 1, "tokens": "mean", "batch_size": 16}
    found = robustness.robustness_of_checkpoint(**arguments | changes)
    assert list(found) == ["robustness"]
    return found["robustness"]


def test_every_level_and_feature_has_a_row(walk):
    table = of_walk(walk)
    assert list(table.columns) == ["level", "feature", "robustness"]
    assert list(table["feature"]) == [*range(6), *range(6)]
    assert list(table["level"]) == [0.1] * 6 + [0.3] * 6
    known = table["robustness"].dropna()
    assert len(known)
    assert known.between(0, 1).all()
    assert table.equals(of_walk(walk))


def test_with_hardly_any_noise_codes_are_those_of_the_images(walk):
    table = of_walk(walk, levels=[1e-6])
    assert (table["robustness"].dropna() > 0.9999).all()


def test_features_of_another_checkpoint_are_refused(walk, tmp_path):
    found, about = store.read(walk.dictionary)
    other = tmp_path / "features.h5"
    store.write(other, found, **about | {"checkpoint": "another"})
    with pytest.raises(StrataError, match=r"features\.h5 was made by another checkpoint"):
        of_walk(walk, dictionary=other)


def test_random_directions_can_be_measured_too(walk, tmp_path):
    write_directions("random", walk.dictionary, seed=0, output=tmp_path / "random.h5")
    assert len(of_walk(walk, dictionary=tmp_path / "random.h5")) == 12


def test_robustness_over_levels_is_the_mean_and_missing_where_a_level_is():
    by_level = pd.DataFrame(
        {
            "feature": [0, 1, 2, 0, 1, 2],
            "level": [0.1] * 3 + [0.2] * 3,
            "robustness": [0.8, 0.5, np.nan, 0.4, 0.5, 0.3],
        }
    )
    table = robustness.scalars(by_level)
    assert list(table["feature"]) == [0, 1, 2]
    np.testing.assert_allclose(table["robustness"], [0.6, 0.5, np.nan])
