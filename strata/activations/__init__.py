"""Activations: the layers of a network, and what they say of every image."""

from pkgutil import iter_modules

__all__ = [module.name for module in iter_modules(__path__)]
