"""What is checked before the first job, on digits and on folders of images."""

import shutil
from types import SimpleNamespace

import pytest
import torch
from torchvision.io import write_png

from strata import estimate, preflight, start
from strata.config.check import checked
from strata.errors import StrataError


@pytest.fixture
def given(model_config):
    """A study of the digits with a tiny network, whose keys are changed by their full paths."""

    def config(**changes):
        own = {
            "model": model_config.model_dump(),
            "activations": {"layers": ["stem", "block-02"]},
            "data": {"size": 16},
        }
        for path, value in changes.items():
            section, _, key = path.partition("__")
            if key:
                own.setdefault(section, {})[key] = value
            else:
                own[section] = value
        return checked(own)

    return config


@pytest.fixture
def photos(tmp_path):
    """A folder of two classes of 12 small images each."""
    rng = torch.Generator().manual_seed(0)
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(12):
            image = torch.randint(256, (3, 20, 24), generator=rng, dtype=torch.uint8)
            write_png(image, str(tmp_path / "photos" / name / f"{i:02d}.png"))
    return tmp_path / "photos"


def test_the_page_tells_images_network_layers_head_and_costs(given):
    page = preflight.page(given())
    for part in (
        "1,797 of 10 classes",
        "'0' 178",
        "strata:resnet",
        "layers      stem 4, block-02 8, penultimate 8 (units)",
        "head        head, 8 units to 10 classes",
        "peak memory of a job",
    ):
        assert part in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"features__per_class": 150}, "class '0' gives 142 training images"),
        ({"features__per_class": 6, "features__images_per_class": 5}, "class '0' gives 5 training images"),
        ({"features__jobs": 11}, r"features\.jobs must be at most the number of classes \(10\)"),
        ({"activations__layers": ["stem", "block-03"]}, "the model has no layer 'block-03'"),
        ({"model__head": "tail"}, "the model has no linear layer 'tail'"),
        ({"model__source": "torchvision:resnet17"}, "no model 'resnet17'; nearest: resnet1"),
        ({"model__source": "python:nowhere:net"}, "No module named 'nowhere'"),
        ({"data__shards": 1000, "activations__shards": 1}, "1 of 1000 shards hold no image of 8 classes"),
        ({"data__shards": 80, "activations__shards": 1, "probes__folds": 20}, "20 folds of 23 images are too small"),
        (
            {"probes__memory_mb": 64, "model__arguments": {"width": 64}},
            r"memory_mb: 64 is too little for a layer of",
        ),
    ],
)
def test_what_would_stop_the_run_is_told(given, changes, said):
    with pytest.raises(StrataError, match=said):
        preflight.page(given(**changes))


def test_a_folder_of_one_class_is_refused(given, photos):
    shutil.rmtree(photos / "dog")
    with pytest.raises(StrataError, match="are of one class, 'cat'"):
        preflight.page(given(data__source="folder", data__path=str(photos)))


def test_superclasses_of_other_classes_are_refused(given, photos):
    table = photos.parent / "super.csv"
    table.write_text("class,superclass\ncat,pet\n")
    with pytest.raises(StrataError, match="lacks 'dog'"):
        preflight.page(given(data__source="folder", data__path=str(photos), data__superclasses=str(table)))


def test_superclasses_of_classes_that_there_are_not_are_refused(given, photos):
    table = photos.parent / "super.csv"
    table.write_text("class,superclass\ncat,pet\ndog,pet\neel,fish\n")
    with pytest.raises(StrataError, match="no class of the images: 'eel'"):
        preflight.page(given(data__source="folder", data__path=str(photos), data__superclasses=str(table)))


MINE = """
from torch import nn


def plain(num_classes, width=6):
    early = nn.Sequential(nn.Conv2d(3, width, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(early, nn.Linear(width, num_classes))
"""


def test_what_ones_own_network_lacks_is_told(given, monkeypatch, tmp_path):
    (tmp_path / "own_network.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    own = {"source": "python:own_network:plain", "arguments": {"num_classes": 4}, "checkpoints": ["net-1.pt"]}
    weights = {"0.0.weight": torch.zeros(6, 3, 3, 3), "0.0.bias": torch.zeros(6)}
    torch.save(weights | {"1.weight": torch.zeros(4, 6), "1.bias": torch.zeros(4)}, tmp_path / "net-1.pt")
    about = {"activations": {"layers": ["0.0"]}}
    assert "own_network" in preflight.page(given(model=own, **about))
    with pytest.raises(StrataError, match=r"1\.weight has shape \(4, 6\), the model \(10, 6\)"):
        preflight.page(given(model=own | {"arguments": {}}, **about))
    with pytest.raises(StrataError, match=r"config key model\.source: nothing of the module"):
        preflight.page(given(model=own | {"source": "python:own_network:nothing"}, **about))


def test_files_that_do_not_fit_the_network_are_refused(given, photos):
    path = photos.parent / "net-3.pt"
    torch.save({"head.weight": torch.zeros(2, 5)}, path)
    with pytest.raises(StrataError, match=r"net-3\.pt does not fit the model"):
        preflight.page(given(model__checkpoints=[str(path)]))


def test_weights_that_cannot_be_had_are_told(given, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody answers there
    with pytest.raises(StrataError, match=r"model\.weights: IMAGENET1K_V1 of torchvision:resnet18 cannot be"):
        preflight.page(given(model__source="torchvision:resnet18", model__weights="IMAGENET1K_V1", model__arguments={}))


def test_memory_is_asked_for_the_images_that_probes_are_of(given):
    alexnet = {"source": "torchvision:alexnet"}  # 4,096 units before its head
    about = {"model": alexnet, "activations": {"layers": ["features.12"]}, "data__size": 64, "probes__family": "mlp"}
    with pytest.raises(StrataError, match=r"4096 units, 100 features, 1,797 images; at least"):
        preflight.page(given(**about, probes__memory_mb=2000))
    assert "4096 (units)" in preflight.page(given(**about, probes__memory_mb=2000, questions__images="test"))


def test_a_full_disk_is_told(given, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # where nothing of the run is there
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda path: SimpleNamespace(free=2**20))
    with pytest.raises(StrataError, match=r"results/digits takes 0\.\d GiB by the estimate .* and 0\.0 GiB is free"):
        preflight.page(given())


def test_a_disk_may_be_smaller_where_activations_are_not_kept(given, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    kept, not_kept = (given(jobs="many", activations__keep=keep) for keep in (True, False))
    shape, rates = estimate.traced(kept), next(iter(estimate.read_rates().values()))
    most, least = (
        estimate.most_disk(config, estimate.estimate(config, shape, rates=rates)) for config in (kept, not_kept)
    )
    assert least < most
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda path: SimpleNamespace(free=(most + least) / 2))
    with pytest.raises(StrataError, match=r"or set activations\.keep: false"):
        preflight.page(kept)
    assert "all, activations.keep: false" in preflight.page(not_kept)
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda path: SimpleNamespace(free=least / 2))
    with pytest.raises(StrataError, match=r"study fewer images \(activations\.shards\)$"):
        preflight.page(not_kept)


def test_what_was_well_is_not_checked_again_until_something_that_counts_changes(given, photos, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    asked = []
    monkeypatch.setattr(start.subprocess, "run", lambda *a, **k: asked.append(k) or SimpleNamespace(returncode=0))
    about = {"data__source": "folder", "data__path": str(photos)}
    start.check(given(**about))
    start.check(given(**about, figures__dpi=90))
    assert len(asked) == 1
    start.check(given(**about, probes__folds=4))
    assert len(asked) == 2
    (photos / "bird").mkdir()
    start.check(given(**about))
    assert len(asked) == 3
    monkeypatch.setattr(start.dependencies, "digest", lambda script: "other code")
    start.check(given(**about))
    assert len(asked) == 4


def test_what_would_stop_a_run_is_checked_again(given, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(start.subprocess, "run", lambda *a, **k: SimpleNamespace(returncode=1))
    for _ in range(2):
        with pytest.raises(SystemExit):
            start.check(given())
