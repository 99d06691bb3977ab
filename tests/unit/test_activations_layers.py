import pytest
import torch
from torch import nn
from torch.nn import functional

from strata import layers
from strata.activations.layers import described, extractor, graph_nodes, pooled
from strata.config.keys import Model
from strata.errors import StrataError
from strata.networks.build import build
from strata.networks.head import head_of

NETWORKS = {
    "strata": ("strata:resnet", {"depths": [1, 2, 1], "width": 4}, 4),
    "resnet18": ("torchvision:resnet18", {}, 8),
    "resnet50": ("torchvision:resnet50", {}, 16),
}


def build_of(name):
    """Return a network whose batch normalisation is not the identity, and its number of blocks."""
    source, arguments, blocks = NETWORKS[name]
    network = build(Model(source=source, arguments=arguments), 5, seed=1).eval()
    rng = torch.Generator().manual_seed(2)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=rng)
            module.bias.data.normal_(0, 0.1, generator=rng)
    return network, blocks


@pytest.fixture(scope="module", params=NETWORKS)
def network(request):
    return build_of(request.param)


@pytest.fixture
def images():
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def outputs_of(network, names, images):
    found = extractor(network, names)(images)
    assert list(found) == list(names)
    return found


def test_every_residual_block_is_found_in_order_with_its_branches(network):
    model, count = network
    blocks = [f"block-{i:02d}" for i in range(1, count + 1)]
    expected = ["stem", "penultimate", *blocks, *layers.branches_of(blocks)]
    nodes = graph_nodes(model)
    assert sorted(nodes) == sorted(expected)
    assert [name for name in nodes if name in blocks] == blocks
    assert list(nodes)[-1] == "penultimate"


def test_a_block_is_the_rectified_sum_of_its_branches(network, images):
    model, count = network
    blocks = [f"block-{i:02d}" for i in range(1, count + 1)]
    found = outputs_of(model, [*blocks, *layers.branches_of(blocks)], images)
    for block in blocks:
        main, skip = (found[branch] for branch in layers.branches(block))
        torch.testing.assert_close(found[block], functional.relu(main + skip))
        assert main.min() < 0  # a branch, not yet added and rectified
        assert not torch.equal(main, skip)


def test_an_identity_skip_branch_is_the_block_before(network, images):
    model, count = network
    blocks = [f"block-{i:02d}" for i in range(1, count + 1)]
    before = dict(zip(blocks, ["stem", *blocks], strict=False))
    found = outputs_of(model, ["stem", *blocks, *(f"{block}-skip" for block in blocks)], images)
    same = [
        found[f"{block}-skip"].shape == found[before[block]].shape
        and torch.equal(found[f"{block}-skip"], found[before[block]])
        for block in blocks
    ]
    reshaping = sum("downsample.0" in name or "skip.0" in name for name, _ in model.named_modules())
    assert count - sum(same) == reshaping


def test_the_stem_is_what_enters_the_first_block(network, images):
    model, _ = network
    with torch.no_grad():
        if hasattr(model, "blocks"):
            expected = model.stem(images)
        else:
            expected = model.maxpool(model.relu(model.bn1(model.conv1(images))))
    torch.testing.assert_close(outputs_of(model, ["stem"], images)["stem"], expected)


def test_the_penultimate_layer_times_the_head_gives_the_logits(network, images):
    model, _ = network
    head = head_of(model)
    penultimate = outputs_of(model, ["penultimate"], images)["penultimate"]
    with torch.no_grad():
        torch.testing.assert_close(penultimate @ head.weight.T + head.bias, model(images))
    assert penultimate.min() >= 0


def test_the_branches_do_not_depend_on_which_layers_are_asked_for(network, images):
    model, _ = network
    alone = outputs_of(model, ["block-01-main"], images)["block-01-main"]
    together = outputs_of(model, ["stem", "block-01-main", "block-01-skip", "block-01"], images)["block-01-main"]
    torch.testing.assert_close(alone, together)


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [("block-05", "block-04"), ("blok-01", "block-01"), ("layer1", "nearest: "), ("penultimat", "penultimate")],
)
def test_an_unknown_layer_is_told_with_the_nearest(asked, nearest):
    with pytest.raises(StrataError, match=rf"activations\.layers: the model has no layer '{asked}'") as error:
        extractor(build_of("strata")[0], ["stem", asked])
    assert nearest in str(error.value)
    assert "\n" not in str(error.value)


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


def test_a_network_that_cannot_be_traced_is_told():
    with pytest.raises(StrataError, match="cannot be traced") as error:
        graph_nodes(Branching())
    assert "\n" not in str(error.value)


class Functional(nn.Module):
    """Adds out of place, rectifies by function or not at all, and has an addition of a constant."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        x = torch.relu(x) + 1
        x = functional.relu(torch.add(x, self.a(x)))
        x = self.b(x) + x
        return self.head(x.mean((2, 3)))


def test_blocks_are_found_however_they_are_written(images):
    model = Functional().eval()
    assert [name for name in graph_nodes(model) if name[-1].isdigit()] == ["block-01", "block-02"]
    found = outputs_of(model, ["stem", "block-01", "block-02", "block-02-main", "block-02-skip"], images)
    torch.testing.assert_close(found["stem"], images + 1)
    torch.testing.assert_close(found["block-01"], functional.relu(found["stem"] + model.a(found["stem"])))
    torch.testing.assert_close(found["block-02-main"], model.b(found["block-01"]))
    torch.testing.assert_close(found["block-02-skip"], found["block-01"])
    torch.testing.assert_close(found["block-02"], found["block-02-main"] + found["block-01"])  # no ReLU follows


@pytest.mark.parametrize(("pool", "units"), [(1, 2), (2, 8), (3, 18), (6, 72), (100, 72)])
def test_layers_are_averaged_to_at_most_pool_by_pool_positions(pool, units):
    x = torch.rand(4, 2, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = pooled(x, pool)
    assert found.shape == (4, units)
    side = min(pool, 6)
    expected = x.reshape(4, 2, side, 6 // side, side, 6 // side).mean((3, 5)).reshape(4, -1)
    torch.testing.assert_close(found, expected)


def test_layers_without_positions_stay_as_they_are():
    x = torch.rand(4, 7, generator=torch.Generator().manual_seed(0))
    assert torch.equal(pooled(x, 3), x)


@pytest.mark.parametrize(
    ("source", "blocks", "stem", "units"),
    [
        ("torchvision:mobilenet_v2", 10, "features.2.conv.3", 1280),
        ("torchvision:efficientnet_b0", 9, "features.2.0.block.3.1", 1280),
        ("torchvision:convnext_tiny", 18, "features.0.1.permute_1", 768),
        ("torchvision:vit_b_16", 24, "encoder.dropout", 768),  # a block is attention or perceptron; positions are none
        ("torchvision:regnet_x_400mf", 22, "stem.2", 400),
        ("torchvision:vgg11", 0, None, 4096),
        ("timm:resnet18", 8, "maxpool", 512),
        ("timm:mobilenetv3_small_050", 7, "blocks.1.0.bn3", 1024),  # its head is of a class derived from nn.Linear
        ("timm:vit_tiny_patch16_224", 24, "norm_pre", 192),
        # Pre-activation; its head is a convolution.
        ("timm:resnetv2_50", 16, "stages.0.blocks.0.norm1", "2048 × 1 × 1"),
    ],
)
def test_residual_blocks_are_found_in_networks_of_all_kinds(source, blocks, stem, units):
    network = build(Model(source=source), 5).to("meta")
    found = described(network, None, size=224).set_index("layer")
    names = [f"block-{i:02d}" for i in range(1, blocks + 1)]
    assert [layer for layer in found.index if layer in names] == names
    assert set(found.index) == {*names, *layers.branches_of(names), "penultimate", *(["stem"] if stem else [])}
    assert stem is None or found.loc["stem", "node in the graph"] == stem
    assert found.loc["penultimate", "shape"] == str(units)
    for name in names:
        assert len({found.loc[layer, "shape"] for layer in (name, *layers.branches(name))}) == 1


class PreActivated(nn.Module):
    """Two blocks whose non-linearity comes first; the first one's skip branch is a convolution."""

    def __init__(self):
        super().__init__()
        self.first, self.skip, self.second = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(3))
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        x = self.skip(x) + self.first(functional.relu(x)).tanh()
        x = self.second(functional.relu(x)) + x
        return self.head(x.mean((2, 3)))


def test_branches_are_told_apart_by_their_operations_whatever_their_order(images):
    network = PreActivated().eval()
    blocks = ["block-01", "block-02"]
    found = outputs_of(network, [*blocks, *layers.branches_of(blocks)], images)
    with torch.no_grad():
        torch.testing.assert_close(found["block-01-skip"], network.skip(images))
        torch.testing.assert_close(found["block-02-main"], network.second(functional.relu(found["block-01"])))
    assert torch.equal(found["block-02-skip"], found["block-01"])
    for block in blocks:  # nothing follows the addition that all readers share
        torch.testing.assert_close(found[block], found[f"{block}-main"] + found[f"{block}-skip"])


def test_a_layer_may_be_any_node_by_its_name(images):
    model, _ = build_of("resnet18")
    found = outputs_of(model, ["conv1", "layer2.0.relu_1", "penultimate"], images)
    with torch.no_grad():
        assert torch.equal(found["conv1"], model.conv1(images))
    assert torch.equal(found["layer2.0.relu_1"], outputs_of(model, ["block-03"], images)["block-03"])


class Untraceable(PreActivated):
    def forward(self, x):
        return super().forward(x if x.sum() > 0 else -x)


def test_modules_of_a_network_that_cannot_be_traced_are_layers_by_their_names(images):
    network, traced = Untraceable().eval(), PreActivated().eval()
    traced.load_state_dict(network.state_dict())
    names = ["first", "second", "penultimate"]
    found, expected = outputs_of(network, names, images), outputs_of(traced, names, images)
    for name in names:
        torch.testing.assert_close(found[name], expected[name])
    with pytest.raises(StrataError, match="cannot be traced") as error:
        extractor(network, ["block-01", "first"])
    text = str(error.value)
    assert text.endswith("must name modules of it (such as first, skip, second, head), not block-01")
    assert "\n" not in text


@pytest.mark.parametrize(("tokens", "expected"), [("class", [1.0, 2.0]), ("mean", [3.0, 4.0])])
def test_tokens_are_averaged_or_stood_for_by_the_class_token(tokens, expected):
    output = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
    assert pooled(output, 1, tokens=tokens).tolist() == [expected]


def test_the_head_may_be_named(images):
    network = PreActivated()
    network.early = nn.Linear(4, 4)
    assert head_of(network) is network.early
    assert head_of(network, "head") is network.head
    found = extractor(network.eval(), ["penultimate"], head="head")(images)["penultimate"]
    assert found.shape == (2, 3)
