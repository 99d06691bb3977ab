import os

import pytest
import torch
from torch import nn

from strata.config.keys import Model
from strata.errors import StrataError
from strata.networks import checkpoints
from strata.networks.build import build

SMALL = {"depths": [1, 2], "width": 4}


def small(seed=0, classes=3, **arguments):
    return build(Model(arguments=SMALL | arguments), classes, seed=seed)


def test_a_checkpoint_brings_the_weights_back_and_the_same_weights_are_the_same_bytes(tmp_path):
    network, other = small(1), small(2)
    for name in ("a.pt", "another-name.pt"):
        checkpoints.save(tmp_path / name, network, epoch=3)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "another-name.pt").read_bytes()
    digest = checkpoints.load(tmp_path / "a.pt", other)
    assert all(
        torch.equal(a, b) for a, b in zip(network.state_dict().values(), other.state_dict().values(), strict=True)
    )
    assert digest == checkpoints.load(tmp_path / "another-name.pt", other)
    checkpoints.save(tmp_path / "c.pt", small(2), epoch=3)
    assert checkpoints.load(tmp_path / "c.pt", other) != digest


@pytest.mark.parametrize(
    ("arguments", "classes", "named"),
    [
        ({}, 4, ["head.weight has shape (3, 8), the model (4, 8)", "head.bias has shape (3,)"]),
        ({"width": 8}, 3, ["stem.0.weight has shape (4, 3, 3, 3), the model (8, 3, 3, 3)"]),
        ({"depths": [1, 3]}, 3, ["blocks.3.main.0.weight is missing"]),
        ({"depths": [1, 1]}, 3, ["blocks.2.main.0.weight is not in the model"]),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_told_with_the_tensors(tmp_path, arguments, classes, named):
    path = tmp_path / "epoch-003.pt"
    checkpoints.save(path, small(), epoch=3)
    network = small(classes=classes, **arguments)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    with pytest.raises(StrataError, match="does not fit the model") as error:
        checkpoints.load(path, network)
    text = str(error.value)
    assert text.startswith(str(path))
    assert f"snakemake --cores all --force {path}" in text
    assert "\n" not in text
    for part in named:
        assert part in text
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("no checkpoint"),
        lambda path: path.write_bytes(path.read_bytes()[:-200]),
        lambda path: path.write_bytes(path.read_bytes()[:3000]),
        lambda path: torch.save({"weights": {}}, path),
        lambda path: torch.save([1, 2], path),
        lambda path: torch.save({"model": [1, 2]}, path),
        lambda path: torch.save({"model": {"head.weight": 3}}, path),
        lambda path: torch.save(nn.Linear(2, 2), path),
    ],
    ids=["missing", "empty", "text", "cut", "cut early", "other keys", "list", "no dict", "no tensors", "pickle"],
)
def test_a_damaged_or_foreign_checkpoint_is_told(tmp_path, spoil):
    path = tmp_path / "epoch-003.pt"
    checkpoints.save(path, small(), epoch=3)
    spoil(path)
    with pytest.raises(StrataError) as error:
        checkpoints.load(path, small())
    text = str(error.value)
    assert text.startswith(str(path))
    assert f"snakemake --cores all --force {path}" in text
    assert "\n" not in text


def test_a_flipped_bit_in_the_weights_is_told(tmp_path):
    path = tmp_path / "epoch-003.pt"
    network = small()
    checkpoints.save(path, network, epoch=3)
    content = path.read_bytes()
    place = content.index(network.state_dict()["blocks.0.main.0.weight"].numpy().tobytes())
    path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
    with pytest.raises(StrataError, match="damaged"):
        checkpoints.load(path, small())


def same(found, expected):
    """Say whether two nested contents are equal, whatever lies in them."""
    if isinstance(expected, torch.Tensor):
        return isinstance(found, torch.Tensor) and found.dtype == expected.dtype and torch.equal(found, expected)
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and list(found) == list(expected)
            and all(map(same, found.values(), expected.values()))
        )
    return type(found) is type(expected) and found == expected


@pytest.mark.slow
def test_no_bit_that_is_flipped_gives_other_content(tmp_path):
    """Every bit of a file: of tensors, of what names them, of the headers and the directory of its parts."""
    content = {"identity": "abc", "taken": 3, "model": {"weight": torch.arange(6.0), "steps": torch.tensor(7)}}
    path = tmp_path / "last.pt"
    path.write_bytes(checkpoints.packed(content))
    whole = path.read_bytes()
    padding = whole.count(b"Z")  # torch aligns tensors by it
    wrong, told = [], 0
    with open(path, "r+b", buffering=0) as file:
        for place in (place for place, byte in enumerate(whole) if byte != ord("Z")):
            for bit in range(8):
                os.pwrite(file.fileno(), bytes([whole[place] ^ 1 << bit]), place)
                try:
                    found = checkpoints.unpacked(checkpoints.whole(path))
                    if not same(found, content):
                        wrong.append((place, bit))
                except Exception:
                    told += 1
            os.pwrite(file.fileno(), whole[place : place + 1], place)
    assert wrong == []
    assert told > 4 * (len(whole) - padding)
    assert same(checkpoints.unpacked(checkpoints.whole(path)), content)
