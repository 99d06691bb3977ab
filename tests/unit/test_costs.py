from pathlib import Path

import pytest
import yaml

from strata import costs, models
from strata.config import checked
from strata.errors import StrataError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config():
    return checked(
        yaml.safe_load((ROOT / "config/config.yaml").read_text()), ROOT / "workflow/schemas/config.schema.yaml"
    )


@pytest.fixture
def rates():
    return next(iter(costs.read_rates().values()))


def test_the_shapes_are_those_of_the_network(config):
    shape = costs.shapes(config)
    network = models.build(config["model"], 10)
    assert (shape.images, shape.classes) == (1797, 10)
    assert shape.parameters == sum(p.numel() for p in network.parameters())
    assert (shape.units["stem"], shape.units["block-08"], shape.units["penultimate"]) == (16, 128, 128)


def test_twice_the_images_cost_twice_the_disk_of_codes(config, rates):
    one, two = (
        costs.estimate(
            {**config, "costs": {"images": n, "classes": 10}},
            costs.shapes({**config, "costs": {"images": n, "classes": 10}}),
            rates,
        ).set_index("rule")
        for n in (1000, 2000)
    )
    assert two.loc["codes", "disk"] == 2 * one.loc["codes", "disk"]
    assert two.loc["train", "hours"] > one.loc["train", "hours"]


def test_a_network_that_is_not_trained_here_costs_no_training(config, rates):
    trained, adopted = (
        costs.estimate({**config, "model": config["model"] | model}, costs.shapes(config), rates).set_index("rule")
        for model in ({}, {"source": "torchvision:resnet18", "weights": "IMAGENET1K_V1"})
    )
    assert "adopt" not in trained.index
    assert "train" not in adopted.index
    assert adopted.loc["adopt", "hours"] < 0.1 * trained.loc["train", "hours"]


def test_crops_and_a_cap_set_the_cost_of_discovery(config, rates):
    def discovery(**features):
        table = costs.estimate(config | {"features": config["features"] | features}, costs.shapes(config), rates)
        return table.set_index("rule").loc["discovery"]

    all_images, few, cropped = discovery(), discovery(images_per_class=10), discovery(images_per_class=10, crops=7)
    assert few["disk"] < all_images["disk"]
    assert cropped["disk"] == 7 * few["disk"] == 7 * 100 * 3 * 32**2


def test_the_page_names_every_rule_and_device(config, rates):
    shape = costs.shapes(config)
    page = costs.text(config, shape, {"my device": costs.estimate(config, shape, rates)})
    for word in ("1,797 images", "my device", "activations", "probes", "peak memory"):
        assert word in page


def test_a_folder_that_is_not_here_needs_its_size_told(config):
    config["data"] = {**config["data"], "source": "folder", "path": "/nowhere"}
    with pytest.raises(StrataError, match=r"costs\.images"):
        costs.shapes(config)
    config["costs"] = {"images": 5, "classes": 2}
    assert costs.shapes(config).images == 5


def test_the_images_of_a_folder_are_counted(config, tmp_path):
    for name in ("a/1.png", "a/2.jpg", "a/readme.txt", "b/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    config["data"] = {**config["data"], "source": "folder", "path": str(tmp_path)}
    shape = costs.shapes(config)
    assert (shape.images, shape.classes) == (3, 2)
