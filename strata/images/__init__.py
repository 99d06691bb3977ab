"""Images: listed, split and dealt into shards, decoded once; files of all kinds, and images made here."""

from pkgutil import iter_modules

__all__ = [module.name for module in iter_modules(__path__)]
