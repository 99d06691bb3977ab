"""Layers of a network, found in its traced graph.

Residual blocks are the additions in the graph: the input of an addition that lies behind more operations is the block's
main branch, the other its skip branch (names: `strata.layers`).
"""

import operator
from collections.abc import Sequence
from difflib import get_close_matches

import pandas as pd
import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from strata.activations.tracing import NamingTracer
from strata.errors import StrataError
from strata.layers import PENULTIMATE, branches
from strata.networks.head import head_of

_ADDITIONS = (operator.add, operator.iadd, torch.add)
_NONLINEARITIES = (torch.relu, torch.relu_, functional.relu)


def graph_nodes(model: nn.Module, head: str | None = None) -> dict[str, str]:
    """Find the layers of a network.

    Parameters
    ----------
    model
        The network.
    head
        Name of the linear layer that gives the logits; None for the last one.

    Returns
    -------
    dict
        Canonical name to the qualified name of the node in the traced graph, in the order of the network.

    Raises
    ------
    StrataError
        If the network cannot be traced.
    """
    tracer, nodes = _trace(model, head)
    return {layer: tracer.names[node] for layer, node in nodes.items()}


def extractor(
    model: nn.Module, layers: Sequence[str], *, pool: int | None = None, tokens: str = "mean", head: str | None = None
) -> nn.Module:
    """Return a network that maps images to a dictionary of the layers' outputs.

    Parameters
    ----------
    model
        The network.
    layers
        Names that Strata gives (see `strata.layers`), or those of nodes of the graph or of modules, as in
        `layer1.0.relu`. A network that cannot be traced has the latter and `penultimate` alone.
    pool, tokens
        Pools every layer where it is computed (see `pooled`), so that no whole output outlives its use.
    head
        See `graph_nodes`.

    Raises
    ------
    StrataError
        If the network lacks a layer; names the nearest that it has.
    """
    head_of(model, head)  # its own error; what follows is about tracing
    modules = {name for name, _ in model.named_modules() if name}
    try:
        tracer, nodes = _trace(model, head)
    except StrataError as error:
        if unknown := set(layers) - modules - {PENULTIMATE}:
            some = ", ".join(name for name, _ in model.named_children())
            raise StrataError(
                f"{error}; so config key activations.layers must name modules of it (such as {some}), not "
                f"{', '.join(sorted(unknown))}"
            ) from error
        return _Hooked(model, layers, pool, tokens, head)
    nodes = {name: node for node, name in tracer.names.items()} | nodes
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
                outputs[node] = graph.call_function(pooled, (node, pool), {"tokens": tokens})
    (end,) = (node for node in graph.nodes if node.op == "output")
    end.args = ({layer: outputs[nodes[layer]] for layer in layers},)
    inner = fx.GraphModule(tracer.root, graph)
    inner.graph.eliminate_dead_code()
    inner.recompile()
    return inner


def repeated(model: nn.Module, layers: Sequence[str], *, pool: int, head: str | None = None) -> list[str]:
    """Return the layers that hold the numbers of an earlier one, as far as the graph tells.

    An identity skip is the block before it; and the penultimate layer is the last block where nothing but the average
    over all positions lies between them.

    Parameters
    ----------
    model
        The network.
    layers
        Names (see `extractor`).
    pool
        See `pooled`.
    head
        See `graph_nodes`.
    """
    try:
        tracer, nodes = _trace(model, head)
    except StrataError:
        return []
    nodes = {name: node for node, name in tracer.names.items()} | nodes
    found, seen = [], set()
    for layer in layers:
        node = nodes[layer]
        averaged = pool == 1 and layer == PENULTIMATE
        while node not in seen and (_is_identity(node, model) or (averaged and _only_averages(node, model))):
            (node,) = node.all_input_nodes
        if node in seen:
            found.append(layer)
        seen |= {node, nodes[layer]}
    return found


def _is_identity(node: fx.Node, model: nn.Module) -> bool:
    return node.op == "call_module" and isinstance(model.get_submodule(str(node.target)), nn.Identity)


def _only_averages(node: fx.Node, model: nn.Module) -> bool:
    """Whether a node has one input, and no weights."""
    weights = node.op == "call_module" and any(True for _ in model.get_submodule(str(node.target)).parameters())
    return len(node.all_input_nodes) == 1 and not weights


class _Hooked(nn.Module):
    """A network that cannot be traced, run as it is; hooks take the outputs of its modules, and the head's input."""

    def __init__(
        self, model: nn.Module, layers: Sequence[str], pool: int | None, tokens: str, head: str | None
    ) -> None:
        super().__init__()
        self.model, self.layers = model, list(layers)
        self.taken: dict[str, Tensor] = {}

        def take(layer: str, output: Tensor) -> None:
            self.taken[layer] = output if pool is None else pooled(output, pool, tokens=tokens)

        for layer in layers:
            if layer == PENULTIMATE:
                head_of(model, head).register_forward_pre_hook(lambda _, given: take(PENULTIMATE, given[0]))
            else:
                model.get_submodule(layer).register_forward_hook(lambda _, __, out, layer=layer: take(layer, out))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Return the layers' outputs, images × …."""
        self.taken.clear()
        self.model(x)
        return {layer: self.taken[layer] for layer in self.layers}


def pooled(output: Tensor, pool: int, *, tokens: str = "mean") -> Tensor:
    """Average a layer's output to at most pool × pool positions; return images × units.

    Parameters
    ----------
    output
        Images × channels × height × width, images × tokens × units, or images × units.
    pool
        Positions along height and width, at most.
    tokens
        What stands for all tokens: their mean, or class, the first one.
    """
    if output.ndim == 4:
        size = (min(pool, output.shape[2]), min(pool, output.shape[3]))
        output = functional.adaptive_avg_pool2d(output, size)
    elif output.ndim == 3:
        output = output[:, 0] if tokens == "class" else output.mean(1)
    return output.flatten(1)


def described(model: nn.Module, head: str | None, *, size: int) -> pd.DataFrame:
    """Return what a person needs to choose layers: layer, node, shape of its output for one image.

    Parameters
    ----------
    model
        On the meta device, which computes shapes without numbers.
    head
        See `graph_nodes`.
    size
        Side of the images in pixels.
    """
    nodes = graph_nodes(model, head)
    outputs = extractor(model, list(nodes), head=head)(torch.empty(1, 3, size, size, device="meta"))
    shapes = [" × ".join(map(str, outputs[layer].shape[1:])) for layer in nodes]
    return pd.DataFrame({"layer": list(nodes), "node in the graph": list(nodes.values()), "shape": shapes})


def _trace(model: nn.Module, head: str | None) -> tuple[NamingTracer, dict[str, fx.Node]]:
    """Trace a network in evaluation mode; return the tracer, and the node of every layer by its canonical name."""
    tracer = NamingTracer()
    try:
        graph = tracer.trace(model.eval())
    except Exception as error:  # tracing runs the network's own code
        raise StrataError(f"the model cannot be traced ({str(error).splitlines()[0]})") from error
    nodes: dict[str, fx.Node] = {}
    count = 0
    (image, *_) = (node for node in graph.nodes if node.op == "placeholder")
    behind = _behind(graph)
    for node in graph.nodes:
        if node.target not in _ADDITIONS or len(node.all_input_nodes) != 2:
            continue
        skip, main = sorted(node.all_input_nodes, key=lambda branch: len(behind[branch]))
        if image not in behind[skip]:  # a constant is added, such as the positions of tokens
            continue
        count += 1
        if count == 1:
            nodes["stem"] = max(behind[main] & behind[skip], key=lambda shared: len(behind[shared]))
        block = f"block-{count:02d}"
        nodes.update(zip(branches(block), (main, skip), strict=True))
        nodes[block] = _after_nonlinearity(node, model)
    last = head_of(model, head)
    for node in graph.nodes:
        if node.op == "call_module" and model.get_submodule(str(node.target)) is last:
            nodes[PENULTIMATE] = node.all_input_nodes[0]
    return tracer, nodes


def _behind(graph: fx.Graph) -> dict[fx.Node, set[fx.Node]]:
    """Return for every node itself and everything that it is computed from."""
    behind: dict[fx.Node, set[fx.Node]] = {}
    for node in graph.nodes:  # inputs come first
        behind[node] = {node}.union(*(behind[source] for source in node.all_input_nodes))
    return behind


def _after_nonlinearity(node: fx.Node, model: nn.Module) -> fx.Node:
    """Return the non-linearity that alone reads a node, or the node itself."""
    if len(node.users) != 1:
        return node
    (user,) = node.users
    module = model.get_submodule(str(user.target)) if user.op == "call_module" else None
    rectified = type(module).__module__ == nn.ReLU.__module__ or user.target in _NONLINEARITIES
    return user if rectified else node
