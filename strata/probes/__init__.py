"""Probes: what a layer tells of every feature, as V-information and as linear CKA."""

from pkgutil import iter_modules

__all__ = [module.name for module in iter_modules(__path__)]
