import pytest
import torch
from torch import nn

from strata.networks.work import counted


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_pass_is_counted_in_products_and_in_bytes_that_its_steps_write_and_read(device):
    network = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10))
    network.to(device)
    images = torch.empty(2, 4, 8, 8, device=device)
    with counted() as work:
        network(images)
    layer, logits = 2 * 4 * 8 * 8, 2 * 10
    assert work.operations == 2 * (layer * 3 * 3 + logits * 256)
    # Of the convolution, the rectifier and the linear layer; a view moves nothing.
    assert work.moved == 2 * 4 * (layer + layer + logits)


def test_work_after_the_end_is_not_counted():
    with counted() as work:
        torch.ones(3) + 1
    before = work.moved
    torch.ones(3) + 1
    assert (work.operations, work.moved) == (0, before)
    assert before == 2 * 4 * (3 + 3)
