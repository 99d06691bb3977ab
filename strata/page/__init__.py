"""Pages: what a reader of a run opens, the answer to the four questions and the explorer of every feature."""

from pkgutil import iter_modules

__all__ = [module.name for module in iter_modules(__path__)]
