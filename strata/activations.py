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
from torchvision.models.feature_extraction import NodePathTracer

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
        Canonical name to the qualified name of the node in the traced graph, in the order of the network.

    Raises
    ------
    StrataError
        If the network cannot be traced.
    """
    tracer, nodes = _trace(model)
    return {layer: tracer.node_to_qualname[node] for layer, node in nodes.items()}


def extractor(model: nn.Module, layers: Sequence[str], pool: int | None = None) -> nn.Module:
    """Return a network that maps images to a dictionary of the layers' outputs.

    Parameters
    ----------
    pool
        Pools every layer where it is computed (see `pooled`), so that no whole output outlives its use.

    Raises
    ------
    StrataError
        If the network lacks a layer; names the nearest that it has.
    """
    tracer, nodes = _trace(model)
    for layer in layers:
        if layer not in nodes:
            near = get_close_matches(layer, nodes, n=3, cutoff=0) or list(nodes)
            raise StrataError(
                f"config key activations.layers: the model has no layer {layer!r}; nearest: {', '.join(near)}"
            )
    graph = tracer.graph
    outputs: dict[fx.Node, fx.Node] = {}  # two layers may share a node: an identity skip is the block before
    for node in dict.fromkeys(nodes[layer] for layer in layers):
        outputs[node] = node
        if pool is not None:
            with graph.inserting_after(node):
                outputs[node] = graph.call_function(pooled, (node, pool))
    (end,) = (node for node in graph.nodes if node.op == "output")
    end.args = ({layer: outputs[nodes[layer]] for layer in layers},)
    inner = fx.GraphModule(tracer.root, graph)
    inner.graph.eliminate_dead_code()
    inner.recompile()
    return inner


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
    inner = extractor(network, layers, pool)
    result: dict[str, np.ndarray] = {}
    starts = range(0, len(images), batch_size)
    for start in progress(starts, "caching activations"):
        batch = torch.from_numpy(images[start : start + batch_size]).to(device)
        outputs = inner(models.normalised(batch, model_config["mean"], model_config["std"]))
        for layer in layers:
            units = outputs[layer].to(getattr(torch, dtype)).cpu().numpy()
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


def _trace(model: nn.Module) -> tuple[NodePathTracer, dict[str, fx.Node]]:
    """Trace a network in evaluation mode; return the tracer, and the node of every layer by its canonical name."""
    tracer = NodePathTracer()
    try:
        graph = tracer.trace(model.eval())
    except Exception as error:  # tracing runs the network's own code
        raise StrataError(f"the model cannot be traced ({error})") from error
    nodes: dict[str, fx.Node] = {}
    additions = [n for n in graph.nodes if n.target in _ADDITIONS and len(n.all_input_nodes) == 2]
    for number, node in enumerate(additions, start=1):
        skip, main = sorted(node.all_input_nodes, key=lambda branch: len(_behind(branch)))
        if number == 1:
            nodes["stem"] = _fork(main, skip)
        block = f"block-{number:02d}"
        nodes.update(zip(branches(block), (main, skip), strict=True))
        nodes[block] = _after_nonlinearity(node, model)
    head = models.head_of(model)
    for node in graph.nodes:
        if node.op == "call_module" and model.get_submodule(str(node.target)) is head:
            nodes[PENULTIMATE] = node.all_input_nodes[0]
    return tracer, nodes


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
