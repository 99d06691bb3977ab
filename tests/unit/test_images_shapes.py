"""Images made here: their factors, what is drawn of them, and what the configuration asks for."""

from itertools import combinations

import numpy as np
import pytest
import yaml
from scipy import stats

from strata import estimate, store
from strata.config.check import checked
from strata.config.keys import Correlation, Shapes
from strata.errors import StrataError
from strata.images import shapes
from strata.images.decode import write_shard
from strata.images.index import index
from strata.images.sources import Given

COLOUR, TEXTURE, SHAPE = range(3)
SMALL = {"images": 400, "label_from": ["shape"], "correlation": None}


def given(seed=0, **changes):
    return Given("shapes", shapes=Shapes(**SMALL | changes), seed=seed)


def indicators(factors):
    return [(factors[:, i, None] == np.arange(4)).astype(float) for i in range(3)]


def test_factors_are_drawn_evenly_and_independently():
    factors = shapes.factors_of(np.arange(4000), 3, correlation=None)
    for own in factors.T:
        assert stats.chisquare(np.bincount(own, minlength=4)).pvalue > 1e-3
    for one, other in combinations(range(3), 2):
        together = np.histogram2d(factors[:, one], factors[:, other], bins=np.arange(5) - 0.5)[0]
        assert stats.chi2_contingency(together).pvalue > 1e-3


@pytest.mark.parametrize("strength", [0.0, 0.4, 0.9])
def test_the_strength_is_the_correlation_of_values_that_go_together(strength):
    factors = shapes.factors_of(
        np.arange(4000), 1, correlation=Correlation(between=["shape", "colour"], strength=strength)
    )
    colour, texture, shape = indicators(factors)
    for value in range(4):
        assert np.corrcoef(colour[:, value], shape[:, value])[0, 1] == pytest.approx(strength, abs=0.05)
        assert np.corrcoef(texture[:, value], shape[:, value])[0, 1] == pytest.approx(0, abs=0.05)
    assert (factors[:, COLOUR] == factors[:, SHAPE]).mean() == pytest.approx(strength + (1 - strength) / 4, abs=0.03)


def test_a_correlation_changes_the_second_factor_alone():
    free, bound = (
        shapes.factors_of(np.arange(300), 1, correlation=correlation)
        for correlation in (None, Correlation(between=["shape", "colour"], strength=0.9))
    )
    assert (free[:, [TEXTURE, SHAPE]] == bound[:, [TEXTURE, SHAPE]]).all()
    assert (free[:, COLOUR] != bound[:, COLOUR]).any()


@pytest.mark.parametrize("label_from", [["colour"], ["texture", "shape"], ["shape", "colour"], list(shapes.VALUES)])
def test_the_label_is_made_of_the_factors_that_are_asked_for(label_from):
    asked = given(images=2000, label_from=label_from)
    images = shapes.listed(asked)
    factors = shapes.factors_in(images, asked)
    names = [
        "-".join(shapes.VALUES[factor][own[list(shapes.VALUES).index(factor)]] for factor in label_from)
        for own in factors
    ]
    assert list(images["class"]) == names
    pairs = images.drop_duplicates(["class", "label"])
    assert sorted(pairs["label"]) == list(range(4 ** len(label_from)))
    assert pairs["class"].is_unique


def test_too_few_images_for_the_classes_are_refused():
    with pytest.raises(StrataError, match=r"data\.shapes\.images: 64 images .* 64 classes") as error:
        shapes.listed(given(images=64, label_from=list(shapes.VALUES)))
    assert "\n" not in str(error.value)


def test_the_same_seed_gives_the_same_bits_and_another_one_other_images():
    factors = np.array([1, 2, 3])
    one, again, other = (shapes.draw(7, factors, size=32, seed=seed) for seed in (0, 0, 1))
    assert one.shape == (3, 32, 32)
    assert one.dtype == np.uint8
    assert (one == again).all()
    assert (one != other).mean() > 0.5
    assert (shapes.draw(8, factors, size=32, seed=0) != one).mean() > 0.5


def test_an_image_that_is_made_again_alone_is_the_same(tmp_path):
    asked = given(images=40, correlation=Correlation(between=["shape", "colour"], strength=0.5))
    images = index(asked, 0.25, shards=2, seed=0)
    classes = sorted(shapes.VALUES["shape"])
    write_shard(images[images["shard"] == 1], classes, given=asked, size=16, output=tmp_path / "all.h5")
    written, about = store.read(tmp_path / "all.h5", kind="images")
    assert about["factors"] == {factor: list(values) for factor, values in shapes.VALUES.items()}
    for row in (0, 13):
        number = int(written["ids"][row].decode().removeprefix("shape-"))
        factors = shapes.factors_of([number], 0, correlation=asked.shapes.correlation)[0]
        assert (written["factors"][row] == factors).all()
        assert (written["images"][row] == shapes.draw(number, factors, size=16, seed=0)).all()


def test_shards_made_from_other_settings_are_told_apart(tmp_path):
    digests = set()
    for asked in (
        given(),
        given(seed=1),
        given(correlation=Correlation(between=["shape", "colour"], strength=0.5)),
    ):
        images = index(asked, 0.25, shards=40, seed=0).query("shard == 0")
        write_shard(images, ["a"], given=asked, size=8, output=tmp_path / "shard.h5")
        digests.add(store.read(tmp_path / "shard.h5")[1]["images"])
    assert len(digests) == 3


@pytest.mark.parametrize("factor", range(3))
def test_a_swap_changes_one_factor_to_each_other_value_alike(factor):
    numbers = np.arange(1200)
    before = shapes.factors_of(numbers, 0, correlation=None)
    after = shapes.swapped(before, factor, numbers=numbers, seed=0)
    others = [i for i in range(3) if i != factor]
    assert (before[:, others] == after[:, others]).all()
    steps = (after[:, factor].astype(int) - before[:, factor]) % 4
    assert steps.min() > 0
    assert stats.chisquare(np.bincount(steps)[1:]).pvalue > 1e-3


@pytest.mark.parametrize("factor", range(3))
def test_an_image_with_a_swapped_factor_differs_in_its_object_alone(factor):
    numbers = np.arange(60)
    before = shapes.factors_of(numbers, 0, correlation=None)
    after = shapes.swapped(before, factor, numbers=numbers, seed=0)
    for number in numbers:
        one, other = (shapes.draw(number, factors[number], size=32, seed=0).astype(int) for factors in (before, after))
        different = (one != other).any(0)
        assert 10 < different.sum() < 500  # of 1024 pixels
        edge = np.concatenate([different[0], different[-1], different[:, 0], different[:, -1]])
        assert edge.sum() <= 2  # the object lies inside; a corner may just touch


@pytest.mark.parametrize("shape", range(4))
def test_all_shapes_have_the_area_of_the_unit_disc(shape):
    axis = (np.arange(2000) + 0.5) / 500 - 2
    inside = shapes._distance(shape, *np.meshgrid(axis, axis)) < 0
    assert inside.sum() / 500**2 == pytest.approx(np.pi, rel=2e-3)
    assert not inside[[0, -1]].any()


@pytest.mark.parametrize("texture", range(1, 4))
def test_patterns_have_no_mean_and_unit_variance(texture):
    axis = (np.arange(1000) + 0.5) / 100
    pattern = shapes._pattern(texture, *np.meshgrid(axis, axis), pixels=100.0)
    assert pattern.mean() == pytest.approx(0, abs=0.01)
    assert pattern.std() == pytest.approx(1, abs=0.05)


def test_the_colour_is_the_hue_that_it_is_called():
    for value, name in enumerate(shapes.VALUES["colour"]):
        red, green, blue = shapes._paint(value / 4, 1.0)
        expected = {"red": (1, 0, 0), "green": (0.5, 1, 0), "cyan": (0, 1, 1), "violet": (0.5, 0, 1)}[name]
        assert (red, green, blue) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("images", 1, "data.shapes.images must be a whole number from 2 to 1000000; found 1"),
        (
            "label_from",
            [],
            "data.shapes.label_from must be a list of at least 1 entries, each one of colour, texture, shape; found []",
        ),
        (
            "label_from",
            ["size"],
            "data.shapes.label_from.0 must be one of colour, texture, shape; found 'size'",
        ),
        ("label_from", ["shape", "shape"], "data.shapes.label_from must not repeat an entry"),
        ("correlation", 0.9, "data.shapes.correlation must hold keys (between, strength) or be null; found 0.9"),
        (
            "correlation",
            {"strength": 1},
            "data.shapes.correlation.strength must be a number of at least 0 and below 1; found 1",
        ),
        (
            "correlation",
            {"between": ["shape"]},
            "data.shapes.correlation.between must be a list of 2 entries, each one of colour, texture, shape; "
            "found ['shape']",
        ),
        ("correlation", {"strenght": 0.5}, "data.shapes.correlation.strenght is unknown (did you mean strength?)"),
        ("noise", 1, "data.shapes.noise is unknown"),
    ],
)
def test_a_bad_key_is_named_with_what_is_allowed(key, value, said):
    with pytest.raises(StrataError) as error:
        checked({"data": {"source": "shapes", "shapes": {key: value}}})
    assert f"config key {said}" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("overlay", ["shapes", "shortcut"])
def test_the_overlays_are_valid_and_their_size_is_known_to_the_estimate(root, overlay):
    config = checked(yaml.safe_load((root / f"config/{overlay}.yaml").read_text()))
    images = shapes.listed(Given("shapes", shapes=config.data.shapes, seed=config.data.seed))
    shape = estimate.traced(config)
    assert (shape.images, shape.classes) == (len(images), images["label"].nunique())
