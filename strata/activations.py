"""Activations: one forward pass of a checkpoint over a shard serves every layer.

Residual blocks are found in the traced graph, as the additions in it: the input of an addition that lies behind more
operations is the block's main branch, the other its skip branch (names: `strata.layers`).
"""

import operator
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.nn import functional
from torchvision.models.feature_extraction import NodePathTracer, create_feature_extractor

from strata import models, store
from strata.errors import StrataError
from strata.layers import PENULTIMATE, branches
from strata.progress import progress

_ADDITIONS = (operator.add, operator.iadd, torch.add)
_NONLINEARITIES = (torch.relu, torch.relu_, functional.relu)


def graph_nodes(model: nn.Module) -> dict[str, str]:
    """Find the layers of a network.

    Returns
    -------
    dict
        Canonical name to the name of the node of the traced graph, in the order of the network.

    Raises
    ------
    StrataError
        If the network cannot be traced.
    """
    tracer = NodePathTracer()
    try:
        graph = tracer.trace(model.eval())
    except Exception as error:  # tracing runs the network's own code
        raise StrataError(f"the model cannot be traced ({error})") from error
    names = tracer.node_to_qualname
    nodes: dict[str, str] = {}
    additions = [n for n in graph.nodes if n.target in _ADDITIONS and len(n.all_input_nodes) == 2]
    for number, node in enumerate(additions, start=1):
        skip, main = sorted(node.all_input_nodes, key=lambda branch: len(_behind(branch)))
        if number == 1:
            nodes["stem"] = names[_fork(main, skip)]
        block = f"block-{number:02d}"
        nodes.update(zip(branches(block), (names[main], names[skip]), strict=True))
        nodes[block] = names[_after_nonlinearity(node, model)]
    head = models.head_of(model)
    for node in graph.nodes:
        if node.op == "call_module" and model.get_submodule(str(node.target)) is head:
            nodes[PENULTIMATE] = names[node.all_input_nodes[0]]
    return nodes


def extractor(model: nn.Module, layers: Sequence[str]) -> nn.Module:
    """Return a network that maps images to a dictionary of the layers' outputs.

    Raises
    ------
    StrataError
        If the network lacks a layer; names the nearest that it has.
    """
    nodes = graph_nodes(model)
    for layer in layers:
        if layer not in nodes:
            near = get_close_matches(layer, nodes, n=3, cutoff=0) or list(nodes)
            raise StrataError(
                f"config key activations.layers: the model has no layer {layer!r}; nearest: {', '.join(near)}"
            )
    wanted = {nodes[layer]: nodes[layer] for layer in layers}
    inner = create_feature_extractor(model.eval(), return_nodes=wanted)
    return _Renamed(inner, {layer: nodes[layer] for layer in layers})


def pooled(output: Tensor, pool: int) -> Tensor:
    """Average a layer's output to at most pool × pool positions; return images × units."""
    if output.ndim == 4:
        size = (min(pool, output.shape[2]), min(pool, output.shape[3]))
        output = functional.adaptive_avg_pool2d(output, size)
    return output.flatten(1)


@torch.no_grad()
def cache(
    network: nn.Module,
    layers: Sequence[str],
    images: np.ndarray,
    model_config: dict[str, Any],
    pool: int,
    dtype: str,
    batch_size: int,
) -> dict[str, np.ndarray]:
    """Run the network over images.

    Parameters
    ----------
    network
        On its device, in evaluation mode.
    images
        uint8, images × 3 × height × width.

    Returns
    -------
    dict
        Layer to activations (images × units), of type `dtype`.

    Raises
    ------
    StrataError
        If a layer overflows `dtype`.
    """
    device = next(network.parameters()).device
    inner = extractor(network, layers)
    result: dict[str, np.ndarray] = {}
    starts = range(0, len(images), batch_size)
    for start in progress(starts, "caching activations"):
        batch = torch.from_numpy(images[start : start + batch_size]).to(device)
        outputs = inner(models.normalised(batch, model_config["mean"], model_config["std"]))
        for layer in layers:
            units = pooled(outputs[layer], pool).to(getattr(torch, dtype)).cpu().numpy()
            if layer not in result:
                result[layer] = np.empty((len(images), units.shape[1]), dtype)
            result[layer][start : start + batch_size] = units
    for layer, units in result.items():
        if not np.isfinite(units).all():
            mend = "set activations.dtype: float32" if dtype == "float16" else "the checkpoint's weights are not finite"
            raise StrataError(f"activations of {layer} overflow {dtype}; {mend}")
    return result


def cache_shard(
    shard: str | Path,
    checkpoint: str | Path,
    outputs: dict[str, str],
    model_config: dict[str, Any],
    pool: int,
    dtype: str,
    batch_size: int,
) -> None:
    """Cache the activations of one shard under one checkpoint, a file a layer.

    Parameters
    ----------
    outputs
        Layer to the path of its shard.
    """
    with store.Shard(shard, kind="images") as source:
        images, about = source.read("images"), source.attributes
    network = models.build(model_config["source"], model_config["arguments"], len(about["classes"]))
    made_by = models.load(checkpoint, network)
    network.to(models.device()).eval()
    arrays = cache(network, list(outputs), images, model_config, pool, dtype, batch_size)
    for layer, path in outputs.items():
        store.write(
            path,
            {"activations": arrays[layer]},
            kind="activations",
            images=about["images"],
            checkpoint=made_by,
            layer=layer,
            pool=pool,
            torch=torch.__version__,
        )


class _Renamed(nn.Module):
    """Names an extractor's outputs; two layers may share a node (an identity skip is the block before)."""

    def __init__(self, inner: nn.Module, nodes: dict[str, str]) -> None:
        super().__init__()
        self.inner, self.nodes = inner, nodes

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        outputs = self.inner(x)
        return {layer: outputs[node] for layer, node in self.nodes.items()}


def _behind(node: fx.Node) -> set[fx.Node]:
    """Return the node and everything that it is computed from."""
    found, waiting = {node}, [node]
    while waiting:
        new = set(waiting.pop().all_input_nodes) - found
        found |= new
        waiting += new
    return found


def _fork(main: fx.Node, skip: fx.Node) -> fx.Node:
    """Return the last node that both branches are computed from."""
    shared = _behind(main) & _behind(skip)
    return max(shared, key=lambda node: len(_behind(node)))


def _after_nonlinearity(node: fx.Node, model: nn.Module) -> fx.Node:
    """Return the non-linearity that directly follows a node, or the node itself."""
    for user in node.users:
        module = model.get_submodule(str(user.target)) if user.op == "call_module" else None
        if isinstance(module, nn.ReLU) or user.target in _NONLINEARITIES:
            return user
    return node
