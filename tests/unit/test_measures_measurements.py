"""What is told of a feature from what probes told, and the tables that gather it."""

import numpy as np
import pandas as pd
import pytest

from strata import layers, store
from strata.measures import measurements
from strata.measures.complexity import complexity, decodable_from, temporal_decoding_score, without_each_fold
from strata.measures.flow import earliness, teleport_block
from strata.measures.importance import importance_of_checkpoint
from strata.measures.meta_features import meta_features
from strata.measures.sparsity import hoyer
from strata.probes.results import read_vinfo


def test_complexity_is_one_minus_the_mean_over_layers_clipped_to_0_and_1():
    vinfo = np.array([[-0.5, 0.0, 0.2, np.nan], [1.2, 0.5, 0.4, np.nan]])
    np.testing.assert_allclose(complexity(vinfo), [0.5, 0.75, 0.7, np.nan])
    np.testing.assert_allclose(temporal_decoding_score(vinfo), [0.5, 0.75, 0.7, np.nan])


def test_earliness_is_the_mean_skip_cka_as_a_share_of_the_last_blocks():
    rows = [
        (0, f, f"block-{b:02d}-{branch}", 0.1 * b * (f + 1))
        for f in (0, 1)
        for b in (1, 2)
        for branch in ("skip", "main")
    ]
    rows = [(s, f, layer, 99.0 if layer.endswith("main") else cka) for s, f, layer, cka in rows]
    table = pd.DataFrame(rows, columns=["seed", "feature", "layer", "cka"])
    early = earliness(table)
    assert early.index.tolist() == [(0, 0), (0, 1)]
    np.testing.assert_allclose(early, [0.75, 0.75])


def test_a_long_table_has_a_row_a_layer_and_feature():
    table = measurements.long_table(np.array([[1.0, 2.0], [3.0, 4.0]]), ["stem", "block-01"], name="cka", seed=7)
    expected = [(7, "stem", 0, 1.0), (7, "stem", 1, 2.0), (7, "block-01", 0, 3.0), (7, "block-01", 1, 4.0)]
    assert list(table.columns) == ["seed", "layer", "feature", "cka"]
    assert list(table.itertuples(index=False, name=None)) == expected


def test_measurements_are_read_in_the_order_asked_for_from_several_files(tmp_path):
    for i, name in enumerate(("stem", "block-01")):
        store.write(tmp_path / f"{i}.h5", {f"{name}/vinfo": np.full(3, float(i))}, kind="vinfo", layers=[name])
    found = read_vinfo([tmp_path / "0.h5", tmp_path / "1.h5"], ["block-01", "stem"])
    np.testing.assert_array_equal(found, [[1, 1, 1], [0, 0, 0]])


def test_hoyer_sparsity_is_1_for_one_unit_0_for_all_alike_and_missing_for_none():
    d = np.array([[0, 3, 0, 0], [2, 2, 2, 2], [0, 0, 0, 0], [1, 1, 0, 0]], float)
    np.testing.assert_allclose(hoyer(d), [1, 0, np.nan, 2 - np.sqrt(2)], atol=1e-12)
    np.testing.assert_allclose(hoyer(7 * d), hoyer(d))


def test_features_csv_has_a_row_a_feature_with_every_scalar(walk):
    probed = layers.probed_layers(walk.blocks)
    vinfo = dict(zip(probed, read_vinfo([walk.vinfo], probed), strict=True))
    decoding = np.stack([vinfo["penultimate"] / 2, vinfo["penultimate"]])
    files = {"codes": walk.codes, "activations": walk.activations["penultimate"], "images": walk.images}
    targets = importance_of_checkpoint(walk.dictionary, **files)["importance"]
    table = measurements.features_of_seed(
        4,
        walk.dictionary,
        importances=targets[targets["target"] == "all"],
        vinfo=vinfo,
        layers=walk.blocks,
        decoding=decoding,
    )
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


def test_a_feature_is_decodable_from_the_first_layer_with_half_of_the_best_layers_v_information():
    vinfo = np.array([[0.1, 0.5, -0.2, np.nan], [0.3, 0.2, -0.1, np.nan], [0.6, 0.9, -0.3, np.nan]])
    np.testing.assert_array_equal(decodable_from(vinfo), [2, 1, np.nan, np.nan])


def test_v_information_without_each_fold_is_that_of_the_others():
    rng = np.random.default_rng(0)
    sse, sst = rng.random((3, 5, 7)), 1 + rng.random((3, 5, 7))
    found = without_each_fold(sse, sst)
    assert found.shape == (3, 5, 7)
    for fold in range(5):
        kept = [f for f in range(5) if f != fold]
        np.testing.assert_allclose(found[:, fold], 1 - sse[:, kept].sum(1) / sst[:, kept].sum(1))


def test_the_teleport_block_is_the_first_with_nine_tenths_of_the_last_skip_branch():
    cka = {0: [0.1, 0.5, 0.55, 0.6], 1: [0.59, 0.1, 0.2, 0.6], 2: [0.0, 0.0, 0.0, 0.0]}
    rows = [
        (0, feature, f"block-{block:02d}-{branch}", value if branch == "skip" else 1.0)
        for feature, values in cka.items()
        for block, value in zip((1, 2, 3, 4), values, strict=True)
        for branch in ("skip", "main")
    ]
    found = teleport_block(pd.DataFrame(rows, columns=["seed", "feature", "layer", "cka"]))
    np.testing.assert_array_equal(found, [3, 1, np.nan])


def test_meta_features_are_ranked_by_the_mean_complexity_of_their_features(tables):
    features = tables(n=12)["features"].assign(meta_feature=[0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
    features.loc[features["meta_feature"] == 3, "complexity"] = np.nan
    features.loc[0, "complexity"] = np.nan
    found = meta_features(features).set_index("meta_feature")
    assert sorted(found.index) == [0, 1, 2]
    assert found.loc[0, "n"] == 2
    assert found.loc[0, "complexity"] == pytest.approx(features.loc[1:2, "complexity"].mean())
    assert list(found["rank"]) == [1, 2, 3]
    assert list(found["complexity"]) == sorted(found["complexity"])


def test_of_many_meta_features_thirty_are_shown_from_the_simplest_to_the_most_complex(tables):
    features = tables(n=150)["features"].assign(meta_feature=np.arange(150))
    ranks = list(meta_features(features)["rank"])
    assert len(ranks) == 30
    assert (ranks[0], ranks[-1]) == (1, 150)
    assert set(np.diff(ranks)) <= {5, 6}
