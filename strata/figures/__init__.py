"""Figures: what a reader of the paper looks at, and the numbers behind each; one module a question."""

__all__ = [
    "appendix",
    "appendix_map",
    "catalogue",
    "claims",
    "draw",
    "families",
    "ground_truth",
    "how_much",
    "parts",
    "what",
    "when",
    "where",
]
