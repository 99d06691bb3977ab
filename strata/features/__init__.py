"""Features: directions in the penultimate layer, and the codes of every image."""

__all__ = ["class_features", "codes", "dictionary", "discovery", "factorisation", "methods"]
