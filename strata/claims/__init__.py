"""Claims: what is asserted of a run, the controls beside it, ground truth, and what came of it all."""

__all__ = [
    "claim",
    "control_codes",
    "control_directions",
    "factor_codes",
    "finding",
    "findings",
    "ground_truth",
    "interventions",
    "registry",
    "testing",
]
