"""The device that jobs compute on."""

import torch


def compute_device() -> torch.device:
    """Return CUDA where there is a GPU, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
