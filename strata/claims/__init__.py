"""Claims: what is asserted of a run, the controls beside it, ground truth, and what came of it all."""

__all__ = [
    "claim",
    "control_claims",
    "control_codes",
    "control_directions",
    "controls",
    "factor_codes",
    "finding",
    "findings",
    "ground_truth",
    "interventions",
    "random_directions",
    "registry",
    "shuffled_codes",
    "testing",
]
