import numpy as np
import pytest
import torch

from strata import store
from strata.errors import StrataError
from strata.measures import redundancy
from strata.probes.cka import linear_cka
from strata.probes.moments import Moments
from strata.probes.ridge import v_information

PENALTIES = [1e-6, 1e-3, 1.0, 100.0]


def layer(n=300, d=12, seed=0):
    """A layer of d units that all carry the same thing, besides noise of their own, and what each has alone."""
    rng = np.random.default_rng(seed)
    shared, own = rng.normal(size=(n, 1)), rng.normal(size=(n, d))
    return shared + 0.1 * own, shared[:, 0], own


def moments_of(x, z, folds=3):
    fold = torch.arange(len(x)) % folds
    return Moments.of(torch.from_numpy(x), torch.from_numpy(z), fold=fold, folds=folds)


def test_redundancy_is_that_of_explicitly_selected_columns():
    x, shared, own = layer()
    z = np.column_stack([shared, own[:, 3], own[:, 0] + shared])
    subsets = [torch.tensor([0, 5]), torch.tensor([3, 7]), torch.tensor([2, 11])]
    by_vinfo, by_cka = redundancy.redundancy(moments_of(x, z), PENALTIES, subsets=subsets)

    def told(units):
        moments = moments_of(x[:, units], z)
        return v_information(moments, PENALTIES).value.numpy(), linear_cka(moments).numpy()

    whole, whole_cka = told(np.arange(12))
    parts = [told(subset.numpy()) for subset in subsets]
    expected = np.mean([np.clip(part, 0, whole) / whole for part, _ in parts], axis=0)
    np.testing.assert_allclose(by_vinfo, expected, rtol=1e-4, atol=1e-6)  # penalties are ranked in float32
    np.testing.assert_allclose(by_cka, np.mean([cka / whole_cka for _, cka in parts], axis=0), rtol=1e-6)


def test_what_all_units_share_is_redundant_and_what_one_has_alone_is_not():
    x, shared, own = layer()
    x = np.column_stack([x, own[:, 0]])  # one unit has something of its own
    subsets = redundancy.random_subsets(13, 0.3, subsets=8, seed=0)
    without = [subset for subset in subsets if 12 not in subset and 0 not in subset]
    moments = moments_of(x, np.column_stack([shared, own[:, 0]]))
    by_vinfo, by_cka = redundancy.redundancy(moments, PENALTIES, subsets=without)
    assert by_vinfo[0] > 0.98
    assert by_vinfo[1] < 0.1
    assert by_cka[0] > 0.9 > 0.1 > by_cka[1]


def test_all_units_tell_all_of_it():
    x, shared, own = layer()
    moments = moments_of(x, np.column_stack([shared, own[:, 3]]))
    both = redundancy.redundancy(moments, PENALTIES, subsets=[torch.arange(12)])
    np.testing.assert_allclose(torch.stack(both), 1)


def test_a_feature_that_the_layer_does_not_tell_has_no_redundancy():
    x, shared, _ = layer()
    noise = np.random.default_rng(9).normal(size=300)
    z = np.column_stack([shared, noise, np.full(300, 2.0)])
    moments = moments_of(x, z)
    assert v_information(moments, PENALTIES).value[1] <= 0
    by_vinfo, by_cka = redundancy.redundancy(moments, PENALTIES, subsets=[torch.tensor([0, 1])])
    assert by_vinfo.isnan().tolist() == [False, True, True]
    assert by_cka.isnan().tolist() == [False, False, True]


@pytest.mark.parametrize(("units", "share", "size"), [(100, 0.1, 10), (16, 0.1, 2), (3, 0.1, 1), (7, 1.0, 7)])
def test_subsets_hold_their_share_of_different_units_and_follow_the_seed(units, share, size):
    subsets = redundancy.random_subsets(units, share, subsets=4, seed=2)
    assert [len(set(subset.tolist())) for subset in subsets] == [size] * 4
    assert all(subset.min() >= 0 and subset.max() < units for subset in subsets)
    again = redundancy.random_subsets(units, share, subsets=4, seed=2)
    assert all(torch.equal(a, b) for a, b in zip(subsets, again, strict=True))
    if size < units:
        assert any(not torch.equal(subsets[0], other) for other in subsets[1:])


@pytest.fixture
def of_walk(walk):
    def of_walk(layer="penultimate", **changes):
        arguments = {"folds": 3, "penalties": PENALTIES, "seed": 0, "memory_mb": 256}
        arguments |= {"share": 0.5, "subsets": 3, "subset_seed": 0}
        found = redundancy.redundancy_of_features(walk.activations[layer], walk.codes, **arguments | changes)
        assert list(found) == ["redundancy"]
        return found["redundancy"]

    return of_walk


def test_every_feature_has_a_row_and_features_probed_apart_have_the_same(of_walk, walk, monkeypatch):
    table = of_walk()
    assert list(table.columns) == ["feature", "redundancy", "redundancy_cka"]
    assert list(table["feature"]) == list(range(6))
    assert table["redundancy"].dropna().between(0, 1).all()
    monkeypatch.setattr(redundancy, "feature_blocks", lambda *_, **__: [slice(0, 4), slice(4, 6)])
    np.testing.assert_allclose(of_walk(), table, rtol=1e-4)


def test_the_whole_layer_is_the_one_that_was_probed(of_walk, walk):
    """With all units, nothing is lost: the ratio is 1 just where the probes found V-information."""
    found = store.read(walk.vinfo)[0]["epoch-002/penultimate/vinfo"]
    table = of_walk(share=1.0, subsets=1)
    np.testing.assert_allclose(table["redundancy"], np.where(found > 0, 1.0, np.nan))


def test_another_layer_is_refused(of_walk):
    with pytest.raises(StrataError, match=r"its layer is .*'stem'"):
        of_walk(layer="stem")
