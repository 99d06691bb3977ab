"""Networks: built, published, adopted or trained; their heads, and their checkpoints."""

from pkgutil import iter_modules

__all__ = [module.name for module in iter_modules(__path__)]
