"""Probes: what a layer tells of every feature, as V-information and as linear CKA."""

__all__ = ["cka", "families", "moments", "perceptron", "probe", "results", "ridge", "vinformation"]
