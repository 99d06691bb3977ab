"""Networks traced to graphs whose nodes have the names that a user would give them.

The names are those of torchvision's feature extraction (`layer2.0.relu_1`: what happens in which module, and the how
many-th time), of which importing alone costs as much as a small job.
"""

import math
import re
import sys
from collections import Counter
from typing import Any

from torch import fx, nn


class NamingTracer(fx.Tracer):
    """A tracer that tells every node by a qualified name.

    It does not look into linear layers, whose subclass the head may be, nor into what torchvision, and timm, where they
    are in use, say cannot be traced.

    Attributes
    ----------
    names : dict
        Node to its name: the module that it is computed in, the operation, and a number from its second time on.
    """

    def __init__(self) -> None:
        leaves: list[type[nn.Module]] = [nn.Linear]
        modules: list[Any] = [math]
        functions: list[Any] = []
        if "torchvision" in sys.modules:
            modules.append(sys.modules["torchvision"].ops)
        if "timm" in sys.modules:
            from timm.models import get_notrace_functions, get_notrace_modules

            leaves += get_notrace_modules()
            functions += get_notrace_functions()
        super().__init__(autowrap_modules=tuple(modules), autowrap_functions=tuple(functions))
        self.names: dict[fx.Node, str] = {}
        self._leaves, self._inside, self._times = tuple(leaves), "", Counter[str]()

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is one node.

        Parameters
        ----------
        m
            The module.
        module_qualified_name
            Its path in the network.
        """
        return isinstance(m, self._leaves) or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        """Remember in which module the nodes that follow are computed.

        Parameters
        ----------
        m
            The module.
        forward
            What calls it.
        args, kwargs
            What it is called with.
        """
        outside, self._inside = self._inside, self.path_of_module(m)
        try:
            return super().call_module(m, forward, args, kwargs)
        finally:
            self._inside = outside

    def create_proxy(self, kind: str, *args: Any, **kwargs: Any) -> fx.Proxy:
        """Name the node that is made.

        Parameters
        ----------
        kind
            What the node does, such as call_module.
        *args, **kwargs
            See `torch.fx.Tracer.create_proxy`.
        """
        proxy = super().create_proxy(kind, *args, **kwargs)
        of_its_own = kind == "call_module"  # named by its path alone
        name = self._inside if of_its_own else ".".join(filter(None, (self._inside, str(proxy.node))))
        stem = re.sub(r"_\d+$", "", name)  # the graph numbers its nodes over all modules
        again = self._times[stem]
        self._times[stem] += 1
        self.names[proxy.node] = f"{stem}_{again}" if again else stem
        return proxy
