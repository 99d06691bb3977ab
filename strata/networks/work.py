"""What a network's forward pass computes, and what it moves: operations of its products, bytes of its activations."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


@dataclass
class Work:
    """What has been done.

    Attributes
    ----------
    operations : float
        Floating-point operations of products and convolutions.
    moved : float
        Bytes of activations that its steps write and read: what bounds steps without products, and convolutions of one
        channel each.
    """

    operations: float = 0
    moved: float = 0


@contextmanager
def counted() -> Iterator[Work]:
    """Count the work that is done within; what it yields tells it afterwards."""
    work = Work()
    with FlopCounterMode(display=False) as flops, _Moved() as moved:
        yield work
    work.operations, work.moved = flops.get_total_flops(), moved.bytes


class _Moved(TorchDispatchMode):
    """Adds up the bytes of what steps return, which are written, and read by the next; a view is neither."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        returned = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.bytes += 2 * sum(t.nbytes for t in tree_leaves(returned) if isinstance(t, torch.Tensor))
        return returned
