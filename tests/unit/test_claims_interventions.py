import numpy as np
import pytest
import torch
from torch import nn

from strata import store
from strata.claims import interventions
from strata.config.keys import Model, Shapes
from strata.images import shapes
from strata.images.decode import write_shard
from strata.images.index import index
from strata.images.sources import Given
from strata.networks import checkpoints
from strata.networks.build import build

SEED, SIZE = 2, 16
GIVEN = Given("shapes", shapes=Shapes(images=60, label_from=["colour"]), seed=SEED)


@pytest.fixture
def shard(tmp_path):
    images = index(GIVEN, 0.5)
    path = tmp_path / "shard-000.h5"
    write_shard(images, sorted(shapes.VALUES["colour"]), given=GIVEN, size=SIZE, output=path)
    return path


@pytest.fixture
def trained(tmp_path, model_config):
    paths = {}
    for epoch in (0, 3):
        network = build(model_config, 4, seed=epoch)
        paths[epoch] = str(tmp_path / f"epoch-{epoch:03d}.pt")
        checkpoints.save(paths[epoch], network, epoch=epoch)
    return paths


def test_every_test_image_is_swapped_under_every_checkpoint(shard, trained, model_config):
    table = interventions.intervene([shard], trained, model=model_config, size=SIZE, seed=SEED)
    images, _ = store.read(shard)
    tests = [name.decode() for name in images["ids"][~images["train"]]]
    assert len(table) == 2 * 3 * len(tests)
    for _, own in table.groupby(["epoch", "factor"]):
        assert list(own["image"]) == tests


def test_one_swap_by_hand(shard, trained, model_config):
    table = interventions.intervene([shard], trained, model=model_config, size=SIZE, seed=SEED)
    row = table[(table["epoch"] == 3) & (table["factor"] == "texture")].iloc[5]
    number = int(row["image"].removeprefix("shape-"))
    factors = shapes.factors_of([number], SEED, correlation=None)
    network = build(model_config, 4)
    checkpoints.load(trained[3], network)
    network.eval()
    logits = []
    for own in (factors[0], shapes.swapped(factors, 1, numbers=[number], seed=SEED)[0]):
        image = torch.from_numpy(shapes.draw(number, own, size=SIZE, seed=SEED))[None] / 255
        mean, std = (torch.tensor(own).view(1, 3, 1, 1) for own in (model_config.mean, model_config.std))
        logits.append(network((image - mean) / std)[0].detach().numpy())
    before, after = logits
    best = before.argmax()
    assert row["flipped"] == (after.argmax() != best)
    expected = (before[best] - before.mean()) - (after[best] - after.mean())
    assert row["importance"] == pytest.approx(expected, abs=1e-5)


def test_what_adds_to_all_logits_alike_counts_as_nothing():
    before = np.array([[1.0, 3.0, 2.0], [5.0, 0.0, 1.0]])
    after = np.array([[11.0, 13.0, 12.0], [0.0, 3.0, 0.0]])
    change = interventions.changed(before, after)
    assert change["importance"] == pytest.approx([0.0, 4.0])
    assert list(change["flipped"]) == [0, 1]


class MeanColour(nn.Module):
    """Answers by the image's mean colour alone."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[1.0, -0.5, -0.5], [0.0, 1.0, -1.0], [-1.0, 0.5, 0.5]]))

    def forward(self, x):
        return x.mean((2, 3)) @ self.weight.T


def test_a_network_that_sees_the_mean_colour_relies_on_the_colour(shard, model_config):
    _, factors, images, _ = interventions._tests([shard])
    numbers = shapes.numbers_of(interventions._tests([shard])[0])
    network = MeanColour()
    plain = Model(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5])
    before = interventions.logits_of(network, images, model=plain)
    flips = []
    for factor in range(3):
        other = shapes.swapped(factors, factor, numbers=numbers, seed=SEED)
        drawn = np.stack([shapes.draw(n, own, size=SIZE, seed=SEED) for n, own in zip(numbers, other, strict=True)])
        flips.append(
            interventions.changed(before, interventions.logits_of(network, drawn, model=plain))["flipped"].mean()
        )
    assert flips[0] > 0.3
    assert max(flips[1:]) < 0.1
