"""Measures: every scalar that is told of a feature, one module a measurement, and the tables that gather them."""

from pkgutil import iter_modules

__all__ = [module.name for module in iter_modules(__path__)]
