import numpy as np
import pytest
from scipy.cluster import hierarchy

from strata import store, tables
from strata.measures import feature_map
from strata.measures.measure import measure


@pytest.fixture
def three_bundles():
    """40 directions around each of three, far from each other, of unit norm, in no order; and the bundle of each."""
    rng = np.random.default_rng(0)
    bundle = rng.permutation(np.repeat(np.arange(3), 40))
    rows = np.clip(np.eye(3, 12)[bundle] + 0.05 * rng.normal(size=(120, 12)), 0, None)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), bundle


def same_partition(a, b):
    return len({*zip(a, b, strict=True)}) == len({*a}) == len({*b})


@pytest.mark.parametrize(("features", "count"), [(10_000, 150), (100, 15), (30, 8), (2, 2)])
def test_meta_features_grow_with_the_root_of_the_features(features, count):
    assert feature_map.count_of_meta_features(features) == count


@pytest.mark.slow  # the first use of UMAP compiles it
def test_near_directions_are_near_on_the_map(three_bundles):
    dictionary, bundle = three_bundles
    xy = feature_map.place(dictionary, 0)
    distance = np.linalg.norm(xy[:, None] - xy[None], axis=2)
    same = bundle[:, None] == bundle
    assert distance[same].max() < distance[~same].min()


@pytest.mark.slow  # the first use of UMAP compiles it
def test_the_map_looks_at_angles_only(three_bundles):
    dictionary, _ = three_bundles
    np.testing.assert_allclose(feature_map.place(4 * dictionary, 0), feature_map.place(dictionary, 0), atol=1e-3)


@pytest.mark.slow  # the first use of UMAP compiles it
def test_the_same_seed_gives_the_same_map_and_groups_to_the_bit(three_bundles):
    dictionary, _ = three_bundles
    for of in (feature_map.place, lambda d, seed: feature_map.group(d, 7, seed=seed)):
        np.testing.assert_array_equal(of(dictionary, 3), of(dictionary, 3))


@pytest.mark.slow  # the first use of UMAP compiles it
@pytest.mark.parametrize("count", [2, 3, 4, 5, 8, 17])
def test_a_few_features_are_mapped_too_twins_and_a_dead_one_among_them(count):
    rng = np.random.default_rng(count)
    dictionary = np.abs(rng.normal(size=(count, 4)))
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    dictionary[0], dictionary[-1] = dictionary[1], 0
    xy = feature_map.place(dictionary, 0)
    assert xy.shape == (count, 2)
    assert np.isfinite(xy).all()


def test_groups_are_the_bundles_where_there_are_as_many(three_bundles):
    dictionary, bundle = three_bundles
    assert same_partition(feature_map.group(dictionary, 3, seed=0), bundle)


def test_there_are_no_more_groups_than_distinct_directions():
    dictionary = np.repeat(np.eye(3), 4, axis=0)
    assert same_partition(feature_map.group(dictionary, 10, seed=0), np.repeat(np.arange(3), 4))


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_the_trees_branches_are_scipys_clusters(three_bundles, level):
    """Cutting Ward's tree where a branch begins gives the groups of that branch."""
    dictionary, _ = three_bundles
    links = hierarchy.linkage(dictionary, "ward")
    branch, nodes = feature_map.tree(dictionary)
    assert len(branch) == 120
    for name, node in nodes.set_index("branch").iterrows():
        members = np.array([b.startswith(name) for b in branch])
        assert members.sum() == node["features"]
        if len(name) == level:
            parent = nodes.set_index("branch").loc[name[:-1], "height"]
            cut = hierarchy.fcluster(links, parent * (1 - 1e-9), "distance")
            assert len(np.unique(cut[members])) == 1
            assert (cut == cut[members][0]).sum() == members.sum()


def test_the_first_splits_part_the_bundles(three_bundles):
    dictionary, bundle = three_bundles
    branch, nodes = feature_map.tree(dictionary, levels=2)
    heights = nodes.set_index("branch")["height"]
    assert heights[""] > heights[["L", "R"]].max()
    (whole,) = (side for side in "LR" if nodes.set_index("branch").loc[side, "features"] == 40)
    assert same_partition([b[:1] if b[:1] == whole else b for b in branch], bundle)


def test_two_features_make_a_tree_of_one_split():
    branch, nodes = feature_map.tree(np.eye(2))
    assert sorted(branch) == ["L", "R"]
    assert list(nodes["features"]) == [2, 1, 1]
    assert nodes["height"].tolist() == pytest.approx([np.sqrt(2), 0, 0])


def test_the_map_of_a_checkpoint_is_written_whole(three_bundles, tmp_path):
    dictionary, _ = three_bundles
    store.write(tmp_path / "features.h5", {"dictionary": dictionary}, kind="features")
    written = []
    for name in ("one", "two"):
        files = {"dictionary": [str(tmp_path / "features.h5")]}
        outputs = [tmp_path / f"{name}{end}.csv" for end in ("", "-tree", "-scalars")]
        measure("feature_map", files, settings={"meta_features": None, "seed": 0}, outputs=outputs)
        written.append([(tmp_path / f"{name}{end}.csv").read_bytes() for end in ("", "-tree", "-scalars")])
    assert written[0] == written[1]
    table = tables.read(tmp_path / "one.csv")
    assert list(table) == ["feature", "meta_feature", "umap_x", "umap_y", "branch"]
    assert list(table["feature"]) == list(range(120))
    assert table["meta_feature"].nunique() == 16
