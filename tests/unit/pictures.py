"""Image files that tests make, and how they are listed."""

import numpy as np
import pandas as pd
import torch
from PIL import Image

from strata.images.index import index
from strata.images.sources import Given


def picture(seed, height=20, width=30, channels=3):
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (channels, height, width), dtype=torch.uint8, generator=rng)


def smooth(height=20, width=24):
    """Return an image whose colours change smoothly, so that lossy files come near it."""
    rows, columns = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([10 * rows, 9 * columns, 5 * (rows + columns)], axis=2).astype(np.uint8))


def turned(image, path):
    exif = image.getexif()
    exif[0x0112] = 6  # shown turned clockwise by a quarter
    image.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95)


def index_of(folder, test_fraction=0.25, shards=1) -> pd.DataFrame:
    """List the images of a folder with class sub-folders."""
    return index(Given("folder", str(folder)), test_fraction, shards=shards, seed=0)
