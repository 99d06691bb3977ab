"""Strata: how complex a vision network's features are, when they are learned, where they flow, how much they matter."""

__all__ = ["__version__", "load"]

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"  # stated here alone: pyproject.toml reads it, and tests compare CITATION.cff and codemeta.json

if TYPE_CHECKING:
    from strata.run import load


def __getattr__(name: str) -> Any:
    """Import what is asked for, so that a job that needs none of it starts at once."""
    if name == "load":
        from strata.run import load

        return load
    raise AttributeError(f"module 'strata' has no attribute {name!r}")
