"""Measures: every scalar that is told of a feature, one module a measurement, and the tables that gather them."""

__all__ = [
    "catalogue",
    "complexity",
    "decoded",
    "feature_map",
    "flow",
    "gather",
    "importance",
    "measure",
    "measurements",
    "meta_features",
    "redundancy",
    "robustness",
    "sparsity",
    "support",
    "visualise",
]
