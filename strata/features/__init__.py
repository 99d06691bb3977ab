"""Features: directions in the penultimate layer, and the codes of every image."""

from pkgutil import iter_modules

__all__ = [module.name for module in iter_modules(__path__)]
