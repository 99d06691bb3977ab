"""Published weights, and images as they want them."""

import hashlib
from types import SimpleNamespace

import pytest
import torch

from strata.config.keys import Model
from strata.errors import StrataError
from strata.networks import state_dicts
from strata.networks.build import build
from strata.networks.preprocessing import normalised, preprocessing
from strata.networks.state_dicts import published


def test_images_are_scaled_to_one_and_normalised_by_channel():
    images = torch.randint(0, 256, (2, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    expected = torch.stack([(images[:, c].double() / 255 - mean[c]) / std[c] for c in range(3)], dim=1)
    found = normalised(images, Model(mean=mean, std=std))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, atol=2e-6, rtol=0)


def test_published_weights_bring_their_head_and_preprocessing():
    config = Model(source="torchvision:resnet18", weights="IMAGENET1K_V1")
    assert preprocessing(config) == ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    assert preprocessing(config.model_copy(update={"mean": [0.1, 0.2, 0.3]}))[0] == [0.1, 0.2, 0.3]
    assert build(config, 3).fc.out_features == 1000


def test_published_weights_are_downloaded_once_and_refused_when_they_are_damaged(tmp_path, monkeypatch):
    weights = {"fc.weight": torch.arange(6.0).reshape(2, 3)}
    torch.save(weights, tmp_path / "net.pth")
    content = (tmp_path / "net.pth").read_bytes()
    name = f"net-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    remote = (tmp_path / "net.pth").rename(tmp_path / name)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(state_dicts, "torchvision_weights", lambda model: SimpleNamespace(url=remote.as_uri()))
    config = Model(source="torchvision:resnet18", weights="IMAGENET1K_V1")
    torch.testing.assert_close(published(config), weights)
    remote.unlink()
    torch.testing.assert_close(published(config), weights)
    kept = tmp_path / "home/hub/checkpoints" / name
    kept.write_bytes(content[:-9] + b"x" + content[-8:])
    with pytest.raises(StrataError, match=rf"{name} is damaged .* remove it, and run again"):
        published(config)
    kept.unlink()
    with pytest.raises(StrataError, match=r"model\.weights: IMAGENET1K_V1 of torchvision:resnet18 cannot be down"):
        published(config)


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
