import numpy as np
import pytest
import torch
from torch import nn

from strata import models
from strata.errors import StrataError

SMALL = {"depths": [1, 2], "width": 4}


def model(source="strata:resnet", arguments=None, **others):
    """Return a section `model` of the configuration."""
    unset = dict.fromkeys(["weights", "checkpoints", "head", "mean", "std"])
    return {"source": source, "arguments": arguments or {}, **unset, **others}


def small(seed=0, classes=3, **arguments):
    return models.build(model(arguments=SMALL | arguments), classes, seed)


def test_the_seed_alone_decides_the_weights():
    first, again, other = (small(seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_the_network_has_as_many_blocks_channels_and_classes_as_it_is_told():
    network = small(classes=5)
    assert len(network.blocks) == 3
    assert network.head.weight.shape == (5, 8)
    assert network(torch.zeros(2, 3, 16, 16)).shape == (2, 5)
    assert network.blocks(network.stem(torch.zeros(2, 3, 16, 16))).shape == (2, 8, 8, 8)
    assert isinstance(network.blocks[2].skip, nn.Identity)  # same channels, same resolution


def test_torchvision_models_get_the_number_of_classes_and_their_arguments():
    network = models.build(model("torchvision:resnet18", {"zero_init_residual": True}), 7)
    assert network.fc.out_features == 7
    assert not network.layer1[0].bn2.weight.any()


@pytest.mark.parametrize(
    ("source", "nearest"),
    [
        ("torchvision:resnet51", "resnet50"),
        ("torchvision:ResNet_18", "resnet"),
        ("torchvision:zzzzz", "alexnet"),
        ("strata:resnet50", "resnet"),
    ],
)
def test_an_unknown_model_is_told_with_the_nearest(source, nearest):
    with pytest.raises(StrataError, match=r"config key model\.source: \w+ has no model") as error:
        models.build(model(source), 3)
    assert source.split(":")[1] in str(error.value)
    assert nearest in str(error.value).split("nearest: ")[1]


@pytest.mark.parametrize(
    ("source", "arguments"),
    [
        ("strata:resnet", {"depth": [1]}),
        ("strata:resnet", {"depths": 3}),
        ("strata:resnet", {"width": -4}),
        ("strata:resnet", {"width": "wide"}),
        ("strata:resnet", {"num_classes": "three"}),
        ("torchvision:resnet18", {"depths": [1]}),
        ("torchvision:resnet18", {"replace_stride_with_dilation": [True]}),
        ("torchvision:resnet18", {"groups": 3}),
    ],
)
def test_arguments_that_a_model_refuses_are_told(source, arguments):
    with pytest.raises(StrataError, match=rf"config key model\.arguments: {source} refuses them") as error:
        models.build(model(source, arguments), 3)
    assert "\n" not in str(error.value)


def test_images_are_scaled_to_one_and_normalised_by_channel():
    images = torch.randint(0, 256, (2, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    expected = torch.stack([(images[:, c].double() / 255 - mean[c]) / std[c] for c in range(3)], dim=1)
    found = models.normalised(images, model(mean=mean, std=std))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, atol=2e-6, rtol=0)


def test_a_checkpoint_brings_the_weights_back_and_the_same_weights_are_the_same_bytes(tmp_path):
    network, other = small(1), small(2)
    for name in ("a.pt", "another-name.pt"):
        models.save(tmp_path / name, network, epoch=3)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "another-name.pt").read_bytes()
    digest = models.load(tmp_path / "a.pt", other)
    assert all(
        torch.equal(a, b) for a, b in zip(network.state_dict().values(), other.state_dict().values(), strict=True)
    )
    assert digest == models.load(tmp_path / "another-name.pt", other)
    models.save(tmp_path / "c.pt", small(2), epoch=3)
    assert models.load(tmp_path / "c.pt", other) != digest


@pytest.mark.parametrize(
    ("arguments", "classes", "named"),
    [
        ({}, 4, ["head.weight has shape (3, 8), the model (4, 8)", "head.bias has shape (3,)"]),
        ({"width": 8}, 3, ["stem.0.weight has shape (4, 3, 3, 3), the model (8, 3, 3, 3)"]),
        ({"depths": [1, 3]}, 3, ["blocks.3.main.0.weight is missing"]),
        ({"depths": [1, 1]}, 3, ["blocks.2.main.0.weight is not in the model"]),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_told_with_the_tensors(tmp_path, arguments, classes, named):
    path = tmp_path / "epoch-003.pt"
    models.save(path, small(), epoch=3)
    network = small(classes=classes, **arguments)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    with pytest.raises(StrataError, match="does not fit the model") as error:
        models.load(path, network)
    text = str(error.value)
    assert text.startswith(str(path))
    assert f"snakemake --cores all --force {path}" in text
    assert "\n" not in text
    for part in named:
        assert part in text
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("no checkpoint"),
        lambda path: path.write_bytes(path.read_bytes()[:-200]),
        lambda path: path.write_bytes(path.read_bytes()[:3000]),
        lambda path: torch.save({"weights": {}}, path),
        lambda path: torch.save([1, 2], path),
        lambda path: torch.save({"model": [1, 2]}, path),
        lambda path: torch.save({"model": {"head.weight": 3}}, path),
        lambda path: torch.save(nn.Linear(2, 2), path),
    ],
    ids=["missing", "empty", "text", "cut", "cut early", "other keys", "list", "no dict", "no tensors", "pickle"],
)
def test_a_damaged_or_foreign_checkpoint_is_told(tmp_path, spoil):
    path = tmp_path / "epoch-003.pt"
    models.save(path, small(), epoch=3)
    spoil(path)
    with pytest.raises(StrataError) as error:
        models.load(path, small())
    text = str(error.value)
    assert text.startswith(str(path))
    assert f"snakemake --cores all --force {path}" in text
    assert "\n" not in text


def test_a_flipped_bit_in_the_weights_is_told(tmp_path):
    path = tmp_path / "epoch-003.pt"
    network = small()
    models.save(path, network, epoch=3)
    content = path.read_bytes()
    place = content.index(network.state_dict()["blocks.0.main.0.weight"].numpy().tobytes())
    path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
    with pytest.raises(StrataError, match="damaged"):
        models.load(path, small())


def test_the_head_is_the_last_linear_layer():
    network = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2), nn.Softmax(dim=1))
    assert models.head_of(network) is network[2]
    with pytest.raises(StrataError, match="no linear head"):
        models.head_of(nn.Sequential(nn.Conv2d(3, 4, 3)))


def test_where_no_layer_is_linear_the_last_convolution_of_one_pixel_is_the_head():
    network = nn.Sequential(nn.Conv2d(3, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Conv2d(5, 4, 1, bias=False), nn.Flatten())
    head = models.head_of(network)
    assert head is network[2]
    weight, bias = models.head_weights(head)
    pooled = torch.rand(6, 5, 1, 1)
    expected = network[2](pooled).flatten(1).detach().numpy()
    np.testing.assert_allclose(pooled.flatten(1).numpy() @ weight.T + bias, expected, atol=1e-6)


def test_the_device_is_one_that_computes():
    assert (torch.ones(2, device=models.device()) + 1).sum().item() == 4


def test_a_network_may_come_from_a_function_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = """
from torch import nn
def sized(num_classes): return nn.Sequential(nn.Linear(4, num_classes))
def fixed(): return nn.Sequential(nn.Linear(4, 2))
def number(): return 3
"""
    (tmp_path / "factories.py").write_text(text)
    assert models.build(model("python:factories:sized"), 7)[0].out_features == 7
    assert models.build(model("python:factories:fixed"), 7)[0].out_features == 2
    for name, said in (("number", "must return a torch.nn.Module"), ("none", "cannot be imported")):
        with pytest.raises(StrataError, match=rf"config key model\.source: .*{said}"):
            models.build(model(f"python:factories:{name}"), 7)
