"""Claims: what is asserted of a run, the controls beside it, ground truth, and what came of it all."""

from pkgutil import iter_modules

__all__ = [module.name for module in iter_modules(__path__)]
