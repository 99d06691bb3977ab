import numpy as np
import pytest
import torch
from torch import nn

from strata.config.keys import Model
from strata.device import compute_device
from strata.errors import StrataError
from strata.networks.build import build
from strata.networks.head import head_of, head_weights

SMALL = {"depths": [1, 2], "width": 4}


def small(seed=0, classes=3, **arguments):
    return build(Model(arguments=SMALL | arguments), classes, seed=seed)


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
    network = build(Model(source="torchvision:resnet18", arguments={"zero_init_residual": True}), 7)
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
        build(Model(source=source), 3)
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
        build(Model(source=source, arguments=arguments), 3)
    assert "\n" not in str(error.value)


def test_the_head_is_the_last_linear_layer():
    network = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2), nn.Softmax(dim=1))
    assert head_of(network) is network[2]
    with pytest.raises(StrataError, match="no linear head"):
        head_of(nn.Sequential(nn.Conv2d(3, 4, 3)))


def test_where_no_layer_is_linear_the_last_convolution_of_one_pixel_is_the_head():
    network = nn.Sequential(nn.Conv2d(3, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Conv2d(5, 4, 1, bias=False), nn.Flatten())
    head = head_of(network)
    assert head is network[2]
    weight, bias = head_weights(head)
    pooled = torch.rand(6, 5, 1, 1)
    expected = network[2](pooled).flatten(1).detach().numpy()
    np.testing.assert_allclose(pooled.flatten(1).numpy() @ weight.T + bias, expected, atol=1e-6)


def test_the_device_is_one_that_computes():
    assert (torch.ones(2, device=compute_device()) + 1).sum().item() == 4


def test_a_network_may_come_from_a_function_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = """
from torch import nn
def sized(num_classes): return nn.Sequential(nn.Linear(4, num_classes))
def fixed(): return nn.Sequential(nn.Linear(4, 2))
def number(): return 3
"""
    (tmp_path / "factories.py").write_text(text)
    assert build(Model(source="python:factories:sized"), 7)[0].out_features == 7
    assert build(Model(source="python:factories:fixed"), 7)[0].out_features == 2
    for name, said in (("number", "must return a torch.nn.Module"), ("none", "cannot be imported")):
        with pytest.raises(StrataError, match=rf"config key model\.source: .*{said}"):
            build(Model(source=f"python:factories:{name}"), 7)
