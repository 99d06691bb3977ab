"""Networks: built, published, adopted or trained; their heads, and their checkpoints."""

__all__ = [
    "adopt",
    "build",
    "checkpoints",
    "epochs",
    "head",
    "preemption",
    "preprocessing",
    "published",
    "resnet",
    "slurm_job",
    "train",
]
