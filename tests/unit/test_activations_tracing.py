"""Names of nodes: those that torchvision's feature extraction gives, which users may have written down."""

import math

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models.feature_extraction import NodePathTracer

from strata.activations.tracing import NamingTracer


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "convnext_tiny", "vit_b_16"])
def test_nodes_have_the_names_that_torchvision_gives_them(name):
    with torch.device("meta"):
        network = torchvision.models.get_model(name, weights=None).eval()
    own = NamingTracer()
    theirs = NodePathTracer(autowrap_modules=(math, torchvision.ops), leaf_modules=[nn.Linear])
    graph, expected = own.trace(network), theirs.trace(network)
    names = [own.names.get(node) for node in graph.nodes]  # none for the output
    assert names == [theirs.node_to_qualname.get(node) for node in expected.nodes]
    assert all(names[:-1])
    assert len(set(own.names.values())) == len(own.names)
