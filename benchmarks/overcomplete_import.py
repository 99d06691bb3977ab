"""overcomplete 0.3 asks matplotlib for a function that it no longer has; give it one, then import."""

import matplotlib
import matplotlib.pyplot as plt

if not hasattr(plt.cm, "get_cmap"):
    plt.cm.get_cmap = matplotlib.colormaps.__getitem__

from overcomplete.optimization import NMF

__all__ = ["NMF"]
