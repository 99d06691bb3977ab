import numpy as np
import pytest
import torch
from torch import nn

from strata import store
from strata.activations.cache import Caching, cache, cache_shard
from strata.activations.layers import extractor, repeated
from strata.config.keys import Model
from strata.errors import StrataError
from strata.networks.build import build
from strata.networks.preprocessing import normalised


def network():
    """Return a network whose batch normalisation is not the identity."""
    network = build(Model(arguments={"depths": [1, 2, 1], "width": 4}), 5, seed=1).eval()
    rng = torch.Generator().manual_seed(2)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=rng)
            module.bias.data.normal_(0, 0.1, generator=rng)
    return network


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (11, 3, 16, 16)).astype(np.uint8)


def cached(model, pixels, model_config, dtype="float32", batch_size=4, names=("stem", "block-01-skip", "penultimate")):
    caching = Caching(batch_size=batch_size)
    return cache(model, names, images=pixels, model=model_config, caching=caching, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_cached_activations_are_the_layers_outputs_on_normalised_images(pixels, model_config, dtype):
    model = network()
    found = cached(model, pixels, model_config, dtype)
    x = normalised(torch.from_numpy(pixels), model_config)
    with torch.no_grad():
        outputs = extractor(model, list(found))(x)
    assert list(outputs) == list(found) == ["stem", "block-01-skip", "penultimate"]
    for name, expected in outputs.items():
        expected = expected.mean((2, 3)) if expected.ndim == 4 else expected
        assert found[name].dtype == dtype
        np.testing.assert_allclose(found[name], expected.numpy(), rtol=2e-3 if dtype == "float16" else 1e-5, atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 11, 256])
def test_the_size_of_a_batch_does_not_matter(pixels, model_config, batch_size):
    model = network()
    found, expected = (cached(model, pixels, model_config, batch_size=size) for size in (batch_size, 4))
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-6)


def test_activations_beyond_float16_are_told(pixels, model_config):
    model = network()
    model.stem[1].weight.data *= 1e6
    assert np.isfinite(cached(model, pixels, model_config)["stem"]).all()
    with pytest.raises(StrataError, match=r"stem overflow float16; set activations\.dtype: float32"):
        cached(model, pixels, model_config, "float16")


def test_activations_that_are_not_finite_at_all_are_not_blamed_on_their_type(pixels, model_config):
    model = network()
    model.stem[1].weight.data *= torch.inf
    with pytest.raises(StrataError, match="stem") as error:
        cached(model, pixels, model_config)
    assert "set activations.dtype: float32" not in str(error.value)


def test_a_cached_shard_says_what_made_it(walk):
    for name, paths in walk.activations.items():
        for path, source in zip(paths, walk.images, strict=True):
            images, about = store.read(source)
            arrays, made = store.read(path, kind="activations", layer=name, images=about["images"], pool=1)
            assert len(arrays["activations"]) == len(images["images"])
            assert made["checkpoint"] == store.digest(walk.checkpoint.read_bytes())
            assert made["torch"] == torch.__version__


def cache_one(walk, folder, names, **changes):
    arguments = {"images": walk.images[0], "checkpoint": walk.checkpoint, "model": walk.model} | changes
    outputs = {name: str(folder / f"{name}.h5") for name in names}
    cache_shard(**arguments, outputs=outputs, caching=Caching(batch_size=16), dtype="float32")


def test_nothing_is_written_for_a_layer_that_does_not_exist(walk, tmp_path):
    with pytest.raises(StrataError, match="no layer 'block-09'"):
        cache_one(walk, tmp_path, ["stem", "block-09"])
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_with_a_checkpoint_of_another_model(walk, tmp_path):
    other = walk.model.model_copy(update={"arguments": {"depths": [1, 1], "width": 8}})
    with pytest.raises(StrataError, match="does not fit the model"):
        cache_one(walk, tmp_path, ["stem"], model=other)
    assert list(tmp_path.iterdir()) == []


def test_a_shard_that_holds_no_images_is_told(walk, tmp_path):
    with pytest.raises(StrataError, match="its kind is 'codes', expected 'images'") as error:
        cache_one(walk, tmp_path, ["stem"], images=walk.codes[0])
    assert str(walk.codes[0]) in str(error.value)


def test_layers_that_hold_the_same_numbers_are_one_file_as_the_graph_tells(walk, tmp_path):
    names = ["stem", "block-01", "block-02", "penultimate", "block-01-main", "block-01-skip"]
    cache_one(walk, tmp_path, names)
    files = {name: (tmp_path / f"{name}.h5").stat().st_ino for name in names}
    again = [name for n, name in enumerate(names) if files[name] in list(files.values())[:n]]
    assert again == ["penultimate", "block-01-skip"]
    assert repeated(build(walk.model, 3), names, pool=1) == again
    assert repeated(build(walk.model, 3), names, pool=2) == ["block-01-skip"]
    for name in names:
        assert store.read(tmp_path / f"{name}.h5", kind="activations", layer=name)
