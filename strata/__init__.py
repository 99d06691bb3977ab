"""Strata: how complex a vision network's features are, when they are learned, where they flow, how much they matter."""

__all__ = ["__version__", "load"]

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strata.run import load

    __version__: str


def __getattr__(name: str) -> Any:
    """Import what is asked for, so that a job that needs none of it starts at once."""
    if name == "load":
        from strata.run import load

        return load
    if name == "__version__":
        from importlib.metadata import version

        return version("strata-vision")
    raise AttributeError(f"module 'strata' has no attribute {name!r}")
