import argparse

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.parallel import DataParallel

from strata import store
from strata.errors import StrataError
from strata.networks import checkpoints
from strata.networks.adopt import adopt
from strata.networks.build import build
from strata.networks.state_dicts import read
from strata.networks.train import evaluate


@pytest.fixture
def network(model_config):
    return build(model_config, 3, seed=8)


def nested(content):
    return lambda network, path: torch.save(content(network.state_dict()), path)


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("a.pt", nested(lambda state: state)),
        ("a.pth", nested(lambda state: {"state_dict": state, "epoch": 3, "optimizer": {"lr": 0.1}})),
        ("a.pt", nested(lambda state: {"model": state, "best": 0.7})),
        ("a.ckpt", nested(lambda state: {"epoch": 1, "model": {"state_dict": state}})),
        ("a.pt", nested(lambda state: {f"_orig_mod.{name}": tensor for name, tensor in state.items()})),
        ("a.pt", lambda network, path: torch.save({"state_dict": DataParallel(network).state_dict()}, path)),
        ("a.safetensors", lambda network, path: save_file(network.state_dict(), path)),
    ],
    ids=["bare", "state_dict", "model", "twice nested", "compiled", "data parallel", "safetensors"],
)
def test_weights_are_read_from_whatever_they_are_wrapped_in(network, tmp_path, name, save):
    save(network, tmp_path / name)
    found = read(tmp_path / name)
    assert checkpoints.misfits(found, network) == []
    assert all(torch.equal(found[name], tensor) for name, tensor in network.state_dict().items())


class Evil:
    def __reduce__(self):
        return (print, ("unpickled",))


@pytest.mark.parametrize(
    ("save", "said"),
    [
        (lambda path: path.mkdir(), "cannot be read (Is a directory)"),
        (lambda path: path.write_text("no weights"), "cannot be read as weights alone"),
        (lambda path: torch.save({"model": nn.Linear(2, 2)}, path), "cannot be read as weights alone"),
        (lambda path: torch.save({"args": argparse.Namespace(a=1)}, path), "cannot be read as weights alone"),
        (lambda path: torch.save({"state_dict": {}, "epoch": 3}, path), "found: state_dict, epoch"),
        (lambda path: torch.save([torch.zeros(2)], path), "found: list"),
        (lambda path: torch.save({"evil": Evil()}, path), "cannot be read as weights alone"),
    ],
    ids=["folder", "text", "module", "namespace", "empty", "list", "code"],
)
def test_what_holds_no_weights_is_told_and_no_code_of_it_is_run(tmp_path, capsys, save, said):
    path = tmp_path / "epoch-3.pt"
    save(path)
    with pytest.raises(StrataError) as error:
        read(path)
    assert str(error.value).startswith(str(path))
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert "unpickled" not in capsys.readouterr().out
    assert "weights_only" not in str(error.value)


@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
def test_a_damaged_file_is_told_and_nobody_advised_to_run_what_is_in_it(network, tmp_path, name):
    path = tmp_path / name
    if name == "a.pt":
        torch.save(network.state_dict(), path)
    else:
        save_file(network.state_dict(), path)
    whole = path.read_bytes()
    for content in (b"", whole[:10], whole[:100], whole[: len(whole) // 2], whole[:-30], b"\0" * len(whole)):
        path.write_bytes(content)
        with pytest.raises(StrataError, match=f"{name} .*damaged") as error:
            read(path)
        assert "\n" not in str(error.value)
        assert "weights_only" not in str(error.value)


def test_a_flipped_bit_in_a_file_of_torch_is_told(network, tmp_path):
    path = tmp_path / "a.pt"
    torch.save(network.state_dict(), path)
    whole = path.read_bytes()
    place = whole.index(network.state_dict()["head.weight"].numpy().tobytes())
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
    with pytest.raises(StrataError, match=r"a\.pt is damaged .*; copy it again from where it comes"):
        read(path)


def test_a_file_of_an_old_version_of_torch_is_read(network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    assert checkpoints.misfits(read(tmp_path / "a.pt"), network) == []


def adopted(model_config, shards, folder, files, epochs=(0, 1)):
    outputs = {epoch: folder / "checkpoints" / f"epoch-{epoch:03d}.pt" for epoch in epochs}
    return adopt(model_config, files, shards=shards, seed=0, batch_size=16, outputs=outputs), outputs


def test_adopted_checkpoints_hold_the_files_weights_and_are_tested(network, model_config, digit_shards, tmp_path):
    old = {name: tensor for name, tensor in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    torch.save(old, tmp_path / "4.pt")
    table, outputs = adopted(model_config, digit_shards, tmp_path, {4: tmp_path / "4.pt"}, (0, 4))
    for epoch, expected in ((0, build(model_config, 3, seed=0)), (4, network)):
        own = build(model_config, 3, seed=9)
        checkpoints.load(outputs[epoch], own)
        state = expected.state_dict()
        assert all(torch.equal(tensor, state[name]) for name, tensor in own.state_dict().items())
        loss, accuracy = evaluate(expected, digit_shards, model=model_config, batch_size=16)
        row = table[table["epoch"] == epoch].iloc[0]
        assert (row["loss"], row["accuracy"]) == (loss, accuracy)


def test_a_head_of_other_classes_than_the_images_is_not_tested(model_config, digit_shards, tmp_path):
    wide = model_config.model_copy(update={"arguments": {**model_config.arguments, "num_classes": 7}})
    torch.save(build(wide, 3).state_dict(), tmp_path / "a.pt")
    table, _ = adopted(wide, digit_shards, tmp_path, {1: tmp_path / "a.pt"})
    assert list(table["epoch"]) == [0, 1]
    assert table[["loss", "accuracy"]].isna().all().all()


def test_weights_that_do_not_fit_are_told_with_the_first_names(network, model_config, digit_shards, tmp_path):
    torch.save({f"backbone.{name}": tensor for name, tensor in network.state_dict().items()}, tmp_path / "a.pt")
    with pytest.raises(StrataError, match="does not fit the model") as error:
        adopted(model_config, digit_shards, tmp_path, {1: tmp_path / "a.pt"})
    text = str(error.value)
    assert text.startswith(str(tmp_path / "a.pt"))
    assert "stem.0.weight is missing" in text
    assert " more" in text


def test_the_digest_of_an_adopted_checkpoint_is_that_of_its_bytes(network, model_config, digit_shards, tmp_path):
    torch.save(network.state_dict(), tmp_path / "a.pt")
    _, outputs = adopted(model_config, digit_shards, tmp_path, {1: tmp_path / "a.pt"})
    assert checkpoints.load(outputs[1], network) == store.digest(outputs[1].read_bytes())
