"""Names of layers, which the whole workflow shares.

`stem` is what enters the first residual block, `block-01` … what leaves each of them, `block-01-main` and
`block-01-skip` its branches before they are added, `penultimate` what enters the head.
"""

import re
from collections.abc import Sequence

PENULTIMATE = "penultimate"


def branches(block: str) -> list[str]:
    """Return the names of a block's main and skip branch."""
    return [f"{block}-main", f"{block}-skip"]


def branches_of(layers: Sequence[str]) -> list[str]:
    """Return the branches of all blocks among some layers."""
    return [branch for layer in layers if re.fullmatch(r"block-\d+", layer) for branch in branches(layer)]


def early_middle_last(layers: Sequence[str]) -> list[str]:
    """Return the first, the middle and the last block among some layers (or layer, where none is a block)."""
    blocks = [layer for layer in layers if re.fullmatch(r"block-\d+", layer)] or layers
    return list(dict.fromkeys([blocks[0], blocks[len(blocks) // 2], blocks[-1]]))


def probed_layers(layers: Sequence[str]) -> list[str]:
    """Return the layers that features are decoded from: the listed ones, and the penultimate one last."""
    return [*(layer for layer in layers if layer != PENULTIMATE), PENULTIMATE]


def cached_layers(layers: Sequence[str]) -> list[str]:
    """Return all layers whose activations are cached."""
    return list(dict.fromkeys([*probed_layers(layers), *branches_of(layers)]))


def chunks(layers: Sequence[str], size: int) -> dict[str, list[str]]:
    """Group layers into chunks of at most `size`, named by their first and last layer.

    Parameters
    ----------
    layers
        Their names, in order.
    size
        Layers of a chunk, at most.
    """
    parts = [list(layers[i : i + size]) for i in range(0, len(layers), size)]
    return {part[0] if len(part) == 1 else f"{part[0]}-to-{part[-1]}": part for part in parts}
