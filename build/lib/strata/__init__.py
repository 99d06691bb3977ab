"""Strata: how complex a vision network's features are, when they are learned, where they flow, how much they matter."""

from importlib.metadata import version

__version__ = version("strata-vision")
