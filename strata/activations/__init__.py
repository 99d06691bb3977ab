"""Activations: the layers of a network, and what they say of every image."""

__all__ = ["cache", "layers", "tracing"]
