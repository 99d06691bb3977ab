"""Published weights, and images as they want them."""

import pytest
import torch

from strata.config.keys import Model
from strata.errors import StrataError
from strata.networks.build import build
from strata.networks.preprocessing import normalised, preprocessing
from strata.networks.published import published, torchvision_weights


def test_images_are_scaled_to_one_and_normalised_by_channel():
    images = torch.randint(0, 256, (2, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    expected = torch.stack([(images[:, c].double() / 255 - mean[c]) / std[c] for c in range(3)], dim=1)
    found = normalised(images, Model(mean=mean, std=std))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, atol=2e-6, rtol=0)


def test_published_weights_bring_their_head_and_preprocessing(tmp_path, monkeypatch):
    config = Model(source="torchvision:resnet18", weights="IMAGENET1K_V1")
    assert preprocessing(config) == ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    assert preprocessing(config.model_copy(update={"mean": [0.1, 0.2, 0.3]}))[0] == [0.1, 0.2, 0.3]
    network = build(config, 3, seed=2)
    assert network.fc.out_features == 1000
    # What torch has downloaded before, it takes from its cache.
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cache = tmp_path / "hub/checkpoints"
    cache.mkdir(parents=True)
    torch.save(network.state_dict(), cache / torchvision_weights(config).url.rsplit("/", 1)[1])
    found = published(config)
    assert all(torch.equal(found[name], tensor) for name, tensor in network.state_dict().items())


def test_weights_of_timm_bring_theirs():
    config = Model(source="timm:tf_efficientnet_lite0", weights="in1k")
    assert preprocessing(config) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert build(config, 3).classifier.out_features == 1000


@pytest.mark.parametrize(
    ("source", "there"), [("torchvision:resnet18", "IMAGENET1K_V1"), ("timm:tf_efficientnet_lite0", "in1k")]
)
def test_unknown_published_weights_are_told_with_those_that_there_are(source, there):
    with pytest.raises(StrataError, match=rf"config key model\.weights.*allowed: {there}") as error:
        build(Model(source=source, weights="imagenet"), 3)
    assert "\n" not in str(error.value)
