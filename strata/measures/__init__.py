"""Measures: every scalar that is told of a feature, one module a measurement, and the tables that gather them."""

__all__ = [
    "complexity",
    "decoded",
    "feature_map",
    "flow",
    "importance",
    "measurements",
    "meta_features",
    "redundancy",
    "robustness",
    "sparsity",
    "support",
    "visualise",
]
