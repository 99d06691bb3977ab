"""What is told of a feature from what probes told, and the tables that gather it."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from strata import store
from strata.measures import measurements
from strata.measures.complexity import (
    FLOOR,
    complexity,
    decodable_from,
    relative_complexity,
    temporal_decoding_score,
    without_each_fold,
)
from strata.measures.flow import arrival, skip_share
from strata.measures.meta_features import meta_features
from strata.measures.sparsity import hoyer
from strata.probes.results import read_vinfo


def test_complexity_is_one_minus_the_mean_over_layers_clipped_to_0_and_1():
    vinfo = np.array([[-0.5, 0.0, 0.2, np.nan], [1.2, 0.5, 0.4, np.nan]])
    np.testing.assert_allclose(complexity(vinfo), [0.5, 0.75, 0.7, np.nan])
    np.testing.assert_allclose(temporal_decoding_score(vinfo, [1, 2]), [0.5, 0.75, 0.7, np.nan])


def test_the_temporal_decoding_score_is_the_papers_mean_where_every_epoch_is_kept():
    vinfo = np.random.default_rng(0).random((7, 5))
    np.testing.assert_allclose(temporal_decoding_score(vinfo, range(1, 8)), 1 - vinfo.mean(0), atol=1e-12)


def test_checkpoints_weigh_as_much_in_the_temporal_decoding_score_as_the_training_before_them():
    vinfo = np.array([[0.2, -1.0], [0.4, 0.0], [1.0, 2.0]])
    told = [vinfo[0], vinfo[0], vinfo[1], *[vinfo[2]] * 7]  # every epoch as the next kept checkpoint has it
    np.testing.assert_allclose(temporal_decoding_score(vinfo, [2, 3, 10]), 1 - np.clip(told, 0, 1).mean(0))


def test_relative_complexity_is_that_of_what_can_be_decoded_at_all():
    vinfo = np.array([[-0.5, 0.1, 0.6, 0.05, np.nan, 0.2], [0.4, 0.3, 0.5, 0.05, 0.4, 0.2]])
    ceiling = np.array([0.5, 0.4, 0.5, 0.099, 0.5, np.nan])
    by_hand = [1 - (0 + 0.8) / 2, 1 - (0.25 + 0.75) / 2, 0, np.nan, np.nan, np.nan]  # no layer tells more than all
    np.testing.assert_allclose(relative_complexity(vinfo, ceiling), by_hand)
    assert relative_complexity(vinfo, ceiling, floor=0.09)[3] == pytest.approx(1 - 0.05 / 0.099)
    assert np.isnan(relative_complexity(np.zeros((2, 1)), np.array([0.0]))).all()


def test_relative_complexity_does_not_change_where_every_layer_tells_a_share_of_what_it_told():
    vinfo = np.random.default_rng(0).uniform(0, 0.9, size=(4, 20))
    ceiling = vinfo.max(0)
    whole = relative_complexity(vinfo, ceiling)
    for share in (0.9, 0.5, 0.2):
        found = relative_complexity(share * vinfo, share * ceiling)
        np.testing.assert_allclose(found, np.where(share * ceiling >= FLOOR, whole, np.nan))
        assert (complexity(share * vinfo) > complexity(vinfo)).all()


def test_a_long_table_has_a_row_a_layer_and_feature():
    table = measurements.long_table(np.array([[1.0, 2.0], [3.0, 4.0]]), ["stem", "block-01"], name="cka", seed=7)
    expected = [(7, "stem", 0, 1.0), (7, "stem", 1, 2.0), (7, "block-01", 0, 3.0), (7, "block-01", 1, 4.0)]
    assert list(table.columns) == ["seed", "layer", "feature", "cka"]
    assert list(table.itertuples(index=False, name=None)) == expected


def test_measurements_are_read_in_the_order_asked_for_from_several_files(tmp_path):
    for i, name in enumerate(("stem", "block-01")):
        arrays = {f"own/{name}/vinfo": np.full(3, float(i)), f"random/{name}/vinfo": np.full(2, 5.0 + i)}
        store.write(tmp_path / f"{i}.h5", arrays, kind="vinfo", layers=[name])
    for features, expected in (("own", [[1, 1, 1], [0, 0, 0]]), ("random", [[6, 6], [5, 5]])):
        found = read_vinfo([tmp_path / "0.h5", tmp_path / "1.h5"], ["block-01", "stem"], features=features)
        np.testing.assert_array_equal(found, expected)


def test_hoyer_sparsity_is_1_for_one_unit_0_for_all_alike_and_missing_for_none():
    d = np.array([[0, 3, 0, 0], [2, 2, 2, 2], [0, 0, 0, 0], [1, 1, 0, 0]], float)
    np.testing.assert_allclose(hoyer(d), [1, 0, np.nan, 2 - np.sqrt(2)], atol=1e-12)
    np.testing.assert_allclose(hoyer(7 * d), hoyer(d))


LAYERS = ["stem", "block-01"]
PROBED = [*LAYERS, "penultimate"]
BRANCHES = ["block-01-main", "block-01-skip"]
FOLDS, COUNT = 4, 5
EPOCHS = {0: "epoch-000", 2: "epoch-002", 5: "epoch-005"}


class Population:
    """Files of a population that a test has made up, and what is in them."""

    def __init__(self, folder, learned=True):
        self.folder, self.rng = folder, np.random.default_rng(0)
        names = {epoch: name if learned else f"random-{name}" for epoch, name in EPOCHS.items()}
        self.told = {}  # file → array → values
        last = names[5]
        own = {e: self.probes(f"own-{e}", [name, "random-x"], PROBED) for e, name in names.items()}
        followed = {e: self.probes(f"followed-{e}", [last], ["penultimate"]) for e in (2, 5)}
        self.codes = {
            e: [self.written(f"codes-{e}-{i}", self.rng.exponential(size=(n, COUNT))) for i, n in enumerate((30, 50))]
            for e in EPOCHS
        }
        dictionary = str(folder / "dictionary.h5")
        self.d = self.rng.random((COUNT, 7))
        origin = np.array([1, 1, 0, 0, -1])
        store.write(dictionary, {"dictionary": self.d, "origin": origin}, kind="features", classes=["cat", "dog"])
        self.importance = pd.DataFrame(
            [
                (epoch, target, feature, self.rng.random(), self.rng.normal())
                for epoch in EPOCHS
                for target in ("predicted", "all")
                for feature in range(COUNT)
            ],
            columns=["epoch", "target", "feature", "importance", "signed_importance"],
        )
        self.files = measurements.Files(
            features=names,
            dictionary=dictionary,
            passes={"importance": self.table("importance", self.importance)},
            codes=self.codes,
            own=own,
            followed=followed,
            branches=self.probes("flow", [last], BRANCHES),
            untrained=self.probes("untrained", [last], PROBED) if learned else [],
            others=self.probes("others", ["shuffled", "projections"], PROBED) if learned else [],
            controls={
                "shuffled": ["others", "shuffled"],
                "random": ["own", "random-x"],
                "untrained": ["untrained", last],
            }
            if learned
            else {},
            reference=[],
        )

    def probes(self, name, features, layers):
        """Write probe results, a file a layer."""
        paths = []
        for layer in layers:
            arrays = {}
            for own in features:
                arrays |= {
                    f"{own}/{layer}/vinfo": self.rng.uniform(-0.1, 0.9, COUNT),
                    f"{own}/{layer}/cka": self.rng.random(COUNT),
                    f"{own}/{layer}/sse": self.rng.uniform(0.2, 0.5, (FOLDS, COUNT)),
                    f"{own}/{layer}/sst": self.rng.uniform(0.8, 1.2, (FOLDS, COUNT)),
                }
            paths.append(str(self.folder / f"{name}-{layer}.h5"))
            store.write(paths[-1], arrays, kind="vinfo", layers=[layer])
            self.told |= {f"{name}/{key}": values for key, values in arrays.items()}
        return paths

    def written(self, name, z):
        """Write codes."""
        z = np.where(z < 1, 0.0, z)
        path = str(self.folder / f"{name}.h5")
        sums = np.stack([(z > 0).sum(0), *((z**power).sum(0) for power in (1, 2, 3))])
        quality = {"r2": 0.9, "zeros": 0.5, "unsolved": 0, "ambiguous": 1}
        store.write(path, {"codes": z, "sums": sums}, kind="codes", **quality)
        return path

    def table(self, name, table):
        path = str(self.folder / f"{name}.csv")
        table.to_csv(path, index=False)
        return path

    def values(self, file, features, layers, name="vinfo"):
        return np.stack([self.told[f"{file}/{features}/{layer}/{name}"] for layer in layers])

    def z(self, epoch):
        return np.concatenate([store.read(path)[0]["codes"] for path in self.codes[epoch]])


@pytest.fixture
def no_passes(monkeypatch):
    """As if importance were the only pass, so that a test need not make up the others."""
    monkeypatch.setattr(measurements, "MEASURES", {"importance": measurements.MEASURES["importance"]})


@pytest.fixture
def learned(tmp_path, no_passes):
    return Population(tmp_path)


def relative_by_hand(vinfo, ceiling):
    return np.where(ceiling >= FLOOR, np.minimum(np.clip(vinfo, 0, 1) / ceiling, 1), np.nan)


def test_features_csv_has_a_row_a_feature_with_every_scalar(learned):
    table = measurements.tables_of_population(learned.files, 4, layers=LAYERS, target="all")["features"]
    scalars = ["seed", "feature", "class", "complexity", "temporal_decoding_score", "importance", "signed_importance"]
    assert list(table.columns)[:7] == scalars
    more = {"ceiling", "relative_complexity", "relative_decoding_score", "firing_rate", "mean_code", "code_skewness"}
    errors = ("complexity", "relative_complexity", "temporal_decoding_score", "relative_decoding_score")
    more |= {"hoyer", "complexity_untrained", "complexity_linear", *(f"{name}_error" for name in errors)}
    assert set(table.columns) == {*scalars, *more, *(f"vinfo_{layer}" for layer in PROBED)}
    assert list(table["class"]) == ["dog", "dog", "cat", "cat", ""]
    assert (table["seed"] == 4).all()
    assert list(table["feature"]) == list(range(COUNT))
    vinfo, (ceiling,) = (learned.values("own-5", "epoch-005", layers) for layers in (LAYERS, ["penultimate"]))
    np.testing.assert_allclose(table["complexity"], 1 - np.clip(vinfo, 0, 1).mean(0))
    np.testing.assert_allclose(table["ceiling"], ceiling)
    np.testing.assert_allclose(table["relative_complexity"], 1 - relative_by_hand(vinfo, ceiling).mean(0))
    decoding = np.concatenate([learned.values(f"followed-{e}", "epoch-005", ["penultimate"]) for e in (2, 5)])
    np.testing.assert_allclose(table["temporal_decoding_score"], 1 - np.clip(decoding, 0, 1).T @ [0.4, 0.6])
    told = 1 - relative_by_hand(decoding, ceiling).T @ [0.4, 0.6]
    np.testing.assert_allclose(table["relative_decoding_score"], told)
    for column, file, features in (
        ("complexity_untrained", "untrained", "epoch-005"),  # the same codes, in the untrained network
        ("complexity_linear", "others", "projections"),
    ):
        own = learned.values(file, features, LAYERS)
        np.testing.assert_allclose(table[column], 1 - np.clip(own, 0, 1).mean(0))
    np.testing.assert_allclose(table["hoyer"], hoyer(learned.d))
    own = learned.importance.query("epoch == 5 and target == 'all'")
    np.testing.assert_allclose(table["importance"], own["importance"])
    for layer in PROBED:
        np.testing.assert_allclose(table[f"vinfo_{layer}"], learned.values("own-5", "epoch-005", [layer])[0])


def test_firing_rate_mean_and_skewness_are_those_of_the_codes_of_all_shards(learned):
    features = measurements.tables_of_population(learned.files, 0, layers=LAYERS, target="all")
    for epoch, table in features["by_checkpoint"].groupby("epoch"):
        z = learned.z(epoch)
        np.testing.assert_allclose(table["firing_rate"], (z > 0).mean(0))
        np.testing.assert_allclose(table["mean_code"], z.mean(0))
        np.testing.assert_allclose(table["code_skewness"], stats.skew(z))
    np.testing.assert_allclose(features["features"]["code_skewness"], stats.skew(learned.z(5)))


def test_a_constant_code_has_no_skewness(tmp_path):
    z = np.stack([np.zeros(40), np.full(40, 0.3), np.arange(40.0)], 1)
    sums = np.stack([(z > 0).sum(0), *((z**power).sum(0) for power in (1, 2, 3))])
    store.write(tmp_path / "codes.h5", {"codes": z, "sums": sums}, kind="codes")
    found = measurements.code_statistics([tmp_path / "codes.h5"])
    np.testing.assert_allclose(found["firing_rate"], [0, 1, 39 / 40])
    np.testing.assert_allclose(found["code_skewness"], [np.nan, np.nan, 0], atol=1e-9)


def test_errors_of_complexity_are_the_jackknifes_over_folds_widened_for_what_folds_share(learned):
    tables = measurements.tables_of_population(learned.files, 0, layers=LAYERS, target="all")
    sse, sst = (learned.values("own-5", "epoch-005", PROBED, name) for name in ("sse", "sst"))
    without = {"complexity": [], "relative_complexity": [], "ceiling": []}
    for fold in range(FOLDS):
        kept = [f for f in range(FOLDS) if f != fold]
        vinfo = 1 - sse[:, kept].sum(1) / sst[:, kept].sum(1)
        without["complexity"].append(1 - np.clip(vinfo[:2], 0, 1).mean(0))
        without["relative_complexity"].append(1 - relative_by_hand(vinfo[:2], vinfo[2]).mean(0))
        without["ceiling"].append(vinfo[2])
    for name, values in without.items():
        wide = tables["by_fold"].pivot(index="fold", columns="feature", values=name)
        np.testing.assert_allclose(wide, values)
    for name in ("complexity", "relative_complexity"):
        own = np.array(without[name])
        variance = (FOLDS - 1) / FOLDS * ((own - own.mean(0)) ** 2).sum(0)
        # of k folds, 1/k + 1/(k − 1) in place of 1/k (Nadeau & Bengio 2003)
        variance *= (1 / FOLDS + 1 / (FOLDS - 1)) * FOLDS
        np.testing.assert_allclose(tables["features"][f"{name}_error"], np.sqrt(variance))
    assert list(tables["by_fold"].columns[:3]) == ["seed", "fold", "feature"]
    assert {"temporal_decoding_score", "relative_decoding_score"} <= {*tables["by_fold"]}


def test_every_checkpoint_tells_of_the_features_discovered_at_it(learned):
    table = measurements.tables_of_population(learned.files, 0, layers=LAYERS, target="predicted")["by_checkpoint"]
    assert list(table["epoch"].unique()) == [0, 2, 5]
    for epoch, own in table.groupby("epoch"):
        vinfo = learned.values(f"own-{epoch}", EPOCHS[epoch], LAYERS)
        (ceiling,) = learned.values(f"own-{epoch}", EPOCHS[epoch], ["penultimate"])
        np.testing.assert_allclose(own["complexity"], 1 - np.clip(vinfo, 0, 1).mean(0))
        np.testing.assert_allclose(own["ceiling"], ceiling)
        np.testing.assert_allclose(own["relative_complexity"], 1 - relative_by_hand(vinfo, ceiling).mean(0))
        np.testing.assert_array_equal(own["decodable_from"], decodable_from(vinfo))
        assert list(own["class"]) == ["dog", "dog", "cat", "cat", ""]
        told = learned.importance.query(f"epoch == {epoch} and target == 'predicted'")
        np.testing.assert_allclose(own["signed_importance"], told["signed_importance"])


def test_controls_are_read_where_they_are(learned):
    found = measurements.tables_of_population(learned.files, 0, layers=LAYERS, target="all")
    table = found["control_vinfo"]
    assert list(table.columns) == ["seed", "control", "layer", "feature", "vinfo"]
    for control, file, features in (
        ("shuffled", "others", "shuffled"),
        ("random", "own-5", "random-x"),
        ("untrained", "untrained", "epoch-005"),
    ):
        own = table[table["control"] == control].pivot(index="layer", columns="feature", values="vinfo")
        np.testing.assert_allclose(own.loc[PROBED], learned.values(file, features, PROBED))
    cka = found["branch_cka"].pivot(index="layer", columns="feature", values="cka")
    np.testing.assert_allclose(cka.loc[BRANCHES], learned.values("flow", "epoch-005", BRANCHES, "cka"))
    decoding = found["decoding"].pivot(index="epoch", columns="feature", values="vinfo")
    np.testing.assert_allclose(decoding.loc[5], learned.values("followed-5", "epoch-005", ["penultimate"])[0])
    assert found["code_quality"].query("epoch == 2")["shard"].tolist() == ["codes-2-0", "codes-2-1"]
    assert set(found["importance_targets"]["target"]) == {"predicted", "all"}
    assert len(found["importance_targets"]) == 2 * COUNT  # of the last checkpoint


def test_a_null_has_the_same_tables_without_what_is_told_of_the_learned_features_alone(tmp_path, no_passes):
    null = Population(tmp_path, learned=False)
    found = measurements.tables_of_population(null.files, 0, layers=LAYERS, target="all")
    assert found["control_vinfo"].empty
    assert list(found["control_vinfo"].columns) == ["seed", "control", "layer", "feature", "vinfo"]
    features = found["features"]
    assert not {"complexity_untrained", "complexity_linear"} & {*features}
    vinfo = null.values("own-5", "random-epoch-005", LAYERS)
    np.testing.assert_allclose(features["complexity"], 1 - np.clip(vinfo, 0, 1).mean(0))
    assert {"ceiling", "relative_complexity", "firing_rate", "mean_code", "temporal_decoding_score"} <= {*features}
    assert set(found["by_checkpoint"]["epoch"]) == {0, 2, 5}


def test_another_family_stands_beside_the_reference(learned):
    files = dataclasses.replace(learned.files, reference=learned.probes("reference", ["epoch-005"], PROBED))
    found = measurements.tables_of_population(files, 0, layers=LAYERS, target="all", family="mlp")
    table = found["by_family"].set_index(["family", "feature"])
    np.testing.assert_allclose(table.loc["mlp", "complexity"], found["features"]["complexity"])
    reference = learned.values("reference", "epoch-005", LAYERS)
    np.testing.assert_allclose(table.loc["linear", "complexity"], 1 - np.clip(reference, 0, 1).mean(0))


def test_the_quality_of_codes_is_what_their_shard_says(walk):
    about = store.read(walk.codes[0])[1]
    assert measurements.quality_of_codes(walk.codes[0]) == {
        k: about[k] for k in ("r2", "zeros", "unsolved", "ambiguous")
    }


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


def branches(skip, main, first=1):
    """CKA with the branches: feature to its values, block by block."""
    rows = [
        (0, feature, f"block-{block:02d}-{branch}", value)
        for branch, cka in (("skip", skip), ("main", main))
        for feature, values in cka.items()
        for block, value in enumerate(values, start=first)
    ]
    return pd.DataFrame(rows, columns=["seed", "feature", "layer", "cka"]).sample(frac=1, random_state=0)


def test_the_skip_share_is_that_of_the_skip_branches_in_the_cka_with_both():
    skip = {0: [0.1, 0.2], 1: [0.0, 0.0], 2: [0.4, 0.4], 3: [0.0, 0.0], 4: [np.nan] * 2}
    main = {0: [0.4, 0.5], 1: [0.1, 0.0], 2: [0.0, 0.0], 3: [0.0, 0.0], 4: [np.nan] * 2}
    found = skip_share(branches(skip, main))
    assert found.index.tolist() == [(0, feature) for feature in range(5)]
    np.testing.assert_allclose(found, [0.25, 0, 1, np.nan, np.nan])


def test_a_branch_arrives_at_the_first_block_with_nine_tenths_of_its_last_cka():
    skip = {0: [0.1, 0.5, 0.55, 0.6], 1: [0.59, 0.1, 0.2, 0.6], 2: [0.0, 0.0, 0.0, 0.0], 3: [np.nan] * 4}
    main = {0: [0.1, 0.2, 0.3, 0.4], 1: [0.4, 0.4, 0.4, 0.4], 2: [0.1, 0.9, 0.1, 1.0], 3: [np.nan] * 4}
    found = arrival(branches(skip, main))
    assert found.index.tolist() == [(0, feature) for feature in range(4)]
    np.testing.assert_array_equal(found["skip"], [3, 1, np.nan, np.nan])
    np.testing.assert_array_equal(found["main"], [4, 1, 2, np.nan])
    assert arrival(branches(skip, main), share=0.2).loc[(0, 0), "skip"] == 2


def test_blocks_are_in_the_order_of_their_numbers():
    """Of a hundred blocks, names have three digits, and sort otherwise."""
    cka = {0: [0.1, 0.2, 0.95, 1.0]}
    assert arrival(branches(cka, cka, first=98)).loc[(0, 0), "skip"] == 100


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
