"""Figures: what a reader of the paper looks at, and the numbers behind each; one module a question."""

from pkgutil import iter_modules

__all__ = [module.name for module in iter_modules(__path__)]
