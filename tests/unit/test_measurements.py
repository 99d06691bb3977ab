import numpy as np
import pandas as pd
import pytest
import torch

from strata import layers, measurements, models, store
from strata.errors import StrataError


def test_complexity_is_one_minus_the_mean_over_layers_clipped_to_0_and_1():
    vinfo = np.array([[-0.5, 0.0, 0.2, np.nan], [1.2, 0.5, 0.4, np.nan]])
    np.testing.assert_allclose(measurements.complexity(vinfo), [0.5, 0.75, 0.7, np.nan])
    np.testing.assert_allclose(measurements.temporal_decoding_score(vinfo), [0.5, 0.75, 0.7, np.nan])


def test_earliness_is_the_mean_skip_cka_as_a_share_of_the_last_blocks():
    rows = [
        (0, f, f"block-{b:02d}-{branch}", 0.1 * b * (f + 1))
        for f in (0, 1)
        for b in (1, 2)
        for branch in ("skip", "main")
    ]
    rows = [(s, f, layer, 99.0 if layer.endswith("main") else cka) for s, f, layer, cka in rows]
    table = pd.DataFrame(rows, columns=["seed", "feature", "layer", "cka"])
    early = measurements.earliness(table)
    assert early.index.tolist() == [(0, 0), (0, 1)]
    np.testing.assert_allclose(early, [0.75, 0.75])


def test_a_long_table_has_a_row_a_layer_and_feature():
    table = measurements.long_table(np.array([[1.0, 2.0], [3.0, 4.0]]), ["stem", "block-01"], "cka", seed=7)
    expected = [(7, "stem", 0, 1.0), (7, "stem", 1, 2.0), (7, "block-01", 0, 3.0), (7, "block-01", 1, 4.0)]
    assert list(table.columns) == ["seed", "layer", "feature", "cka"]
    assert list(table.itertuples(index=False, name=None)) == expected


def test_measurements_are_read_in_the_order_asked_for_from_several_files(tmp_path):
    for i, name in enumerate(("stem", "block-01")):
        store.write(tmp_path / f"{i}.h5", {f"{name}/vinfo": np.full(3, float(i))}, kind="vinfo", layers=[name])
    found = measurements.read_vinfo([tmp_path / "0.h5", tmp_path / "1.h5"], ["block-01", "stem"])
    np.testing.assert_array_equal(found, [[1, 1, 1], [0, 0, 0]])


def test_hoyer_sparsity_is_1_for_one_unit_0_for_all_alike_and_missing_for_none():
    d = np.array([[0, 3, 0, 0], [2, 2, 2, 2], [0, 0, 0, 0], [1, 1, 0, 0]], float)
    np.testing.assert_allclose(measurements.hoyer(d), [1, 0, np.nan, 2 - np.sqrt(2)], atol=1e-12)
    np.testing.assert_allclose(measurements.hoyer(7 * d), measurements.hoyer(d))


def test_robustness_over_levels_is_the_mean_and_missing_where_a_level_is():
    by_level = pd.DataFrame(
        {
            "feature": [0, 1, 2, 0, 1, 2],
            "level": [0.1] * 3 + [0.2] * 3,
            "robustness": [0.8, 0.5, np.nan, 0.4, 0.5, 0.3],
        }
    )
    table = measurements.robustness_over_levels(by_level)
    assert list(table["feature"]) == [0, 1, 2]
    np.testing.assert_allclose(table["robustness"], [0.6, 0.5, np.nan])


def importances(walk, **changes):
    arguments = {
        "features": walk.features,
        "code_shards": walk.codes,
        "activation_shards": walk.activations["penultimate"],
    }
    return measurements.importance_of_checkpoint(**arguments | changes)


def test_features_csv_has_a_row_a_feature_with_every_scalar(walk):
    probed = layers.probed_layers(walk.blocks)
    vinfo = dict(zip(probed, measurements.read_vinfo([walk.vinfo], probed), strict=True))
    decoding = np.stack([vinfo["penultimate"] / 2, vinfo["penultimate"]])
    table = measurements.features_of_seed(4, walk.features, importances(walk), vinfo, walk.blocks, decoding)
    scalars = ["seed", "feature", "class", "complexity", "temporal_decoding_score", "importance", "signed_importance"]
    scalars += ["hoyer"]
    assert list(table.columns) == [*scalars, *(f"vinfo_{layer}" for layer in probed)]
    assert list(table["class"]) == ["0", "0", "1", "1", "2", "2"]
    assert (table["seed"] == 4).all()
    inner = np.stack([vinfo[layer] for layer in walk.blocks])  # the penultimate layer is no block
    np.testing.assert_array_equal(table["complexity"], 1 - np.clip(inner, 0, 1).mean(0))
    np.testing.assert_array_equal(table["temporal_decoding_score"], 1 - np.clip(decoding, 0, 1).mean(0))


def test_the_quality_of_codes_is_what_their_shard_says(walk):
    about = store.read(walk.codes[0])[1]
    assert measurements.quality_of_codes(walk.codes[0]) == {k: about[k] for k in ("r2", "zeros", "unsolved")}


def test_importance_is_gradient_times_input_by_autograd():
    rng = np.random.default_rng(0)
    d, w, b = rng.random((6, 9)), rng.normal(size=(4, 9)), rng.normal(size=4)
    codes = rng.random((20, 6)) * (rng.random((20, 6)) < 0.7)
    classes = (codes @ d @ w.T + b).argmax(1)
    z = torch.from_numpy(codes).requires_grad_()
    y = z @ torch.from_numpy(d) @ torch.from_numpy(w).T + torch.from_numpy(b)
    y.gather(1, torch.from_numpy(classes)[:, None]).sum().backward()
    product = (z.grad * z).detach().numpy()
    absolute, signed = measurements.importance(codes, d @ w.T, classes)
    np.testing.assert_allclose(absolute, np.abs(product).sum(0), rtol=1e-10)
    np.testing.assert_allclose(signed, product.sum(0), rtol=1e-10, atol=1e-12)


def test_importance_of_a_checkpoint_is_gradient_times_input_of_the_predicted_class_by_autograd(walk):
    network = models.build(walk.model["source"], walk.model["arguments"], 3)
    models.load(walk.checkpoint, network)
    d = torch.from_numpy(store.read(walk.features)[0]["dictionary"]).float()
    products = []
    for codes, activations in zip(walk.codes, walk.activations["penultimate"], strict=True):
        z = torch.from_numpy(store.read(codes)[0]["codes"]).requires_grad_()
        predicted = network.head(torch.from_numpy(store.read(activations)[0]["activations"])).argmax(1)
        network.head(z @ d).gather(1, predicted[:, None]).sum().backward()
        products.append((z.grad * z).detach())
    product = torch.cat(products).double().numpy()
    table = importances(walk)
    assert list(table["feature"]) == list(range(6))
    np.testing.assert_allclose(table["importance"], np.abs(product).mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(table["signed_importance"], product.mean(0), rtol=1e-4, atol=1e-6)


def test_importance_of_codes_and_activations_that_do_not_belong_together_is_refused(walk):
    with pytest.raises(StrataError, match="its images is"):
        importances(walk, code_shards=walk.codes[::-1])
    with pytest.raises(StrataError, match="its layer is 'stem'"):
        importances(walk, activation_shards=walk.activations["stem"])
