import numpy as np
import pytest
import torch

from strata import store
from strata.activations.layers import extractor
from strata.measures import visualise
from strata.measures.meta_features import meta_features
from strata.networks import checkpoints
from strata.networks.build import build
from strata.networks.preprocessing import normalised


@pytest.fixture
def magnitude(walk):
    return visualise.spectrum(walk.images)


def test_the_spectrum_is_the_mean_magnitude_of_the_images(walk, magnitude):
    """By hand, in numpy; grey images have one decorrelated colour that matters, which carries most of the picture."""
    images = np.concatenate([store.read(path)[0]["images"] for path in walk.images]) / 255
    assert magnitude.shape == (3, 16, 9)
    correlate = np.array(
        [[0.56282854, 0.58447580, 0.58447580], [0.19482528, 0, -0.19482528], [0.04329450, -0.10823626, 0.06494176]]
    )
    colours = images.transpose(0, 2, 3, 1) @ np.linalg.inv(correlate)
    colours -= colours.mean((1, 2), keepdims=True)
    by_hand = np.abs(np.fft.rfft2(colours, axes=(1, 2))).mean(0).transpose(2, 0, 1)
    np.testing.assert_allclose(magnitude, by_hand, rtol=1e-3, atol=1e-3)
    assert magnitude[0].sum() > 5 * magnitude[1:].sum()


def test_a_picture_climbs_its_score(magnitude):
    """Asked for light on the left and dark on the right of what is seen, or the reverse, the picture gives it."""
    half = torch.cat([torch.ones(8), -torch.ones(8)])

    def score(images):
        return (images * half).mean()

    up = visualise.maco(score, magnitude, steps=40, seed=0)
    down = visualise.maco(lambda images: -score(images), magnitude, steps=40, seed=0)
    assert up.shape == (3, 24, 24)
    assert up.min() >= 0
    assert up.max() <= 1
    assert score(up[:, 4:20, 4:20]) > 0.05
    assert score(down[:, 4:20, 4:20]) < -0.05


def test_the_same_seed_gives_the_same_picture_to_the_bit(magnitude):
    one, two, other = (visualise.maco(torch.mean, magnitude, steps=3, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_stretched_pictures_use_all_values():
    picture = torch.linspace(0.4, 0.6, 3 * 32 * 32).view(3, 32, 32)
    values = visualise.stretched(picture)
    assert values.shape == (32, 32, 3)
    assert values.dtype == np.uint8
    assert (values.min(), values.max()) == (0, 255)
    assert visualise.stretched(torch.full((3, 4, 4), 0.5)).std() == 0


def test_a_direction_that_is_pictured_grows_in_its_layer(walk, magnitude):
    """Of two opposite directions, each one's picture makes it larger than the other's does."""
    weights = store.read(walk.decoded)[0]["block-01/weights"].T[:1]
    how = {"pool": 1, "tokens": "mean", "magnitude": magnitude, "steps": 40, "seed": 0}
    both = np.concatenate([weights, -weights])
    pictures = visualise.visualise(walk.checkpoint, walk.model, classes=3, layer="block-01", directions=both, **how)
    assert pictures.shape == (2, 24, 24, 3)
    network = build(walk.model, 3)
    checkpoints.load(walk.checkpoint, network)
    seen = normalised(torch.from_numpy(pictures[:, 4:20, 4:20].transpose(0, 3, 1, 2).copy()), walk.model)
    inner = extractor(network, ["block-01"], pool=1)
    with torch.no_grad():
        up, down = inner(seen)["block-01"] @ torch.from_numpy(weights[0]).float()
    assert up > down


def test_every_shown_meta_feature_and_decoded_direction_has_its_picture(walk):
    arrays, about = store.read(walk.pictures, kind="pictures")
    assert set(arrays) == {"meta_features", "pictures", "block-01/pictures", "block-02/pictures"}
    shown = meta_features(walk.features)
    assert list(arrays["meta_features"]) == list(shown["meta_feature"])
    assert arrays["pictures"].shape == (len(shown), 24, 24, 3)
    assert arrays["block-02/pictures"].shape == (3, 24, 24, 3)
    assert about["checkpoint"]
