import pytest

from strata.config.keys import Config, Model, Training
from strata.errors import StrataError
from strata.networks.epochs import epochs, files


def epochs_of(**model):
    return epochs(Config(model=Model(**model), training=Training(epochs=4)))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, which is the working directory; returns a function that makes files in it."""
    monkeypatch.chdir(tmp_path)

    def touch(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()

    return touch


@pytest.mark.parametrize(
    ("checkpoints", "kept"),
    [("all", [0, 1, 2, 3, 4]), ([], [0, 4]), ([3, 1], [0, 1, 3, 4]), ([0, 4], [0, 4])],
)
def test_the_untrained_and_the_last_checkpoint_are_always_kept(checkpoints, kept):
    assert epochs(Config(training=Training(epochs=4, checkpoints=checkpoints))) == kept


def test_published_weights_are_one_checkpoint_beside_the_untrained_network():
    assert epochs_of(weights="IMAGENET1K_V2") == [0, 1]


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        (["runs/epoch_{epoch}.pt"], {1: "runs/epoch_1.pt", 12: "runs/epoch_12.pt"}),
        (["runs/*.pt"], {1: "runs/epoch_1.pt", 12: "runs/epoch_12.pt"}),
        (["runs/epoch_12.pt", "other-3/last-7.pth"], {12: "runs/epoch_12.pt", 7: "other-3/last-7.pth"}),
        (["other-{epoch}/last-*.pth"], {3: "other-3/last-7.pth"}),
        (["whole/{epoch}/net{epoch}.pt"], {5: "whole/5/net5.pt"}),
        (["final.pt"], {1: "final.pt"}),
    ],
)
def test_epochs_are_captured_from_the_names_of_files(folder, patterns, found):
    folder(
        "runs/epoch_1.pt", "runs/epoch_12.pt", "other-3/last-7.pth", "whole/5/net5.pt", "whole/5/net6.pt", "final.pt"
    )
    assert files(patterns) == found
    assert epochs_of(checkpoints=patterns) == sorted({0, *found})


@pytest.mark.parametrize(
    ("names", "patterns", "said"),
    [
        ([], ["runs/epoch-{epoch}.pt"], "runs/epoch-{epoch}.pt matches no file"),
        (["a/epoch-3.pt", "b/epoch-3.pt"], ["*/epoch-{epoch}.pt"], "a/epoch-3.pt and b/epoch-3.pt both tell epoch 3"),
        (["first.pt", "last.pt"], ["*.pt"], "first.pt has no number in its name"),
        (["step-20000.pt"], ["*.pt"], "step-20000.pt tells epoch 20000; allowed: 0 to 999"),
        (["epoch-0.pt"], ["*.pt"], "found epoch 0 alone"),
    ],
)
def test_files_whose_epochs_cannot_be_told_are_refused(folder, names, patterns, said):
    folder(*names)
    with pytest.raises(StrataError, match=r"config key model\.checkpoints") as error:
        files(patterns)
    assert said in str(error.value)
