"""Comparison: finished runs side by side, to see whether their conclusions travel."""

from pkgutil import iter_modules

__all__ = [module.name for module in iter_modules(__path__)]
