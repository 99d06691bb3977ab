import sys

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


FACTORIES = """
import torch
from torch import nn

def narrow(num_classes, width):
    return nn.Sequential(nn.Linear(width, num_classes))

def broken(num_classes, width=4):
    return wide(width)

def wide(width):
    raise ValueError(f"{width} is not\\nwide enough")

def too_deep(num_classes):
    return nn.Conv2d(3, 4, 3, groups=2)

def silent():
    raise AssertionError

def passed_on(**arguments):
    return narrow(**arguments)

class Net(nn.Module):
    def __init__(self, num_classes):
        self.head = nn.Linear(4, num_classes)

number = 3
"""


def refusal(folder, name, **arguments):
    """Return what is told of a factory."""
    (folder / "failing.py").write_text(FACTORIES)
    with pytest.raises(StrataError) as error:
        build(Model(source=f"python:failing:{name}", arguments=arguments), 7)
    assert "\n" not in str(error.value)
    return str(error.value)


def line(text):
    """Return the number of the line in which some text stands."""
    return next(i for i, own in enumerate(FACTORIES.splitlines(), 1) if text in own)


@pytest.fixture
def beside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("failing", None)


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("narrow", {}, "missing 1 required positional argument: 'width'"),
        ("narrow", {"width": 4, "depth": 2}, "unexpected keyword argument 'depth'"),
        ("Net", {"width": 4}, "unexpected keyword argument 'width'"),
    ],
)
def test_arguments_that_a_factory_does_not_take_are_told(beside, name, arguments, reason):
    told = refusal(beside, name, **arguments)
    assert told.startswith(f"config key model.arguments: python:failing:{name} refuses them")
    assert reason in told


@pytest.mark.parametrize(
    ("name", "arguments", "at", "said"),
    [
        ("broken", {}, "raise ValueError", "given num_classes=7: ValueError: 4 is not"),
        ("broken", {"width": "x"}, "raise ValueError", "given num_classes=7, width='x': ValueError: x is not"),
        ("too_deep", {}, "groups=2", "ValueError: in_channels must be divisible by groups"),
        ("silent", {}, "raise AssertionError", "given no arguments: AssertionError"),
        ("passed_on", {}, "return narrow", "TypeError: narrow() missing 1 required positional argument: 'width'"),
        ("Net", {}, "self.head", "AttributeError: cannot assign module before Module.__init__() call"),
    ],
)
def test_a_factory_that_fails_is_told_with_its_line_and_no_argument_is_blamed(beside, name, arguments, at, said):
    told = refusal(beside, name, **arguments)
    assert told.startswith(f"config key model.source: python:failing:{name} failed at {beside}/failing.py:{line(at)}, ")
    assert said in told
    assert "model.arguments" not in told


def test_what_cannot_be_called_is_no_factory(beside):
    assert "model.source: number of the module failing cannot be imported (3 is not a callable" in refusal(
        beside, "number"
    )
