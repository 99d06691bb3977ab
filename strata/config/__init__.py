"""The configuration: every key stated once, checked before anything runs, and what is generated from it."""

from pkgutil import iter_modules

__all__ = [module.name for module in iter_modules(__path__)]
