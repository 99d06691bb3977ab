import numpy as np
import pandas as pd
import pytest

from strata import layers, store
from strata.errors import StrataError
from strata.measures.decoded import decode, examples
from strata.probes.moments import fold_of

PENALTIES = [0.01, 1.0, 100.0]


@pytest.fixture
def decoded(walk):
    return store.read(walk.decoded, kind="decoded")[0]


@pytest.fixture
def truth(walk):
    """The codes of all images, the folds, and the activations of a layer."""
    shards = [store.read(path, kind="codes") for path in walk.codes]
    fold = [fold_of(len(arrays["codes"]), 3, seed=0, shard=about["images"]) for arrays, about in shards]
    x = np.concatenate([store.read(path)[0]["activations"] for path in walk.activations["block-01"]])
    return (
        np.concatenate([arrays["codes"] for arrays, _ in shards]).astype(float),
        np.concatenate(fold),
        x.astype(float),
    )


def decoded_from_block_1(walk, activations=None, **changes):
    how = {"layer": "block-01", "chosen": np.array([0]), "folds": 3, "penalties": PENALTIES, "seed": 0}
    return decode(activations or walk.activations["block-01"], walk.codes, **how | changes)


def test_examples_are_a_simple_a_middling_and_a_complex_feature():
    order = np.random.default_rng(0).permutation(101)
    table = pd.DataFrame({"feature": np.arange(101), "complexity": order / 100})
    table.loc[order == 100, "complexity"] = np.nan
    chosen = examples(table)
    assert list(chosen["rank"]) == ["simple", "middle", "complex"]
    assert chosen["complexity"].tolist() == pytest.approx([0.05, 0.5, 0.94], abs=0.011)


def test_a_single_known_feature_is_every_example():
    table = pd.DataFrame({"feature": [0, 1], "complexity": [np.nan, 0.5]})
    assert list(examples(table)["feature"]) == [1, 1, 1]


def test_the_v_information_is_that_of_the_probes(walk, decoded):
    vinfo = store.read(walk.vinfo, kind="vinfo")[0]
    for layer in ("block-01", "block-02"):
        told = vinfo[f"epoch-002/{layer}/vinfo"][decoded["features"]]
        np.testing.assert_allclose(decoded[f"{layer}/vinfo"], told, atol=1e-6)


def test_the_held_out_predictions_have_the_error_that_v_information_tells(decoded, truth):
    """By the definition, from the predictions of single images: 1 − ΣSSE/ΣSST, SST about the mean of the fit folds."""
    codes, fold, _ = truth
    z = codes[:, decoded["features"]]
    means = np.stack([z[fold != f].mean(0) for f in range(3)])
    sse = np.square(z - decoded["block-01/prediction"]).sum(0)
    sst = np.square(z - means[fold]).sum(0)
    np.testing.assert_allclose(1 - sse / sst, decoded["block-01/vinfo"], atol=1e-6)


def test_an_image_is_judged_by_a_probe_that_was_not_fitted_to_it(walk, truth):
    """A code that is told by nothing but its own images cannot be predicted, however many units there are."""
    codes, fold, x = truth
    feature = np.array([0])
    found = decoded_from_block_1(walk, chosen=feature, penalties=[1e-6])
    z = codes[:, 0]
    for f in range(3):
        fit = fold != f
        centred = x[fit] - x[fit].mean(0)
        gram = centred.T @ centred
        alpha = 1e-6 * np.trace(gram) / len(gram)
        w = np.linalg.solve(gram + alpha * np.eye(len(gram)), centred.T @ (z[fit] - z[fit].mean()))
        by_hand = z[fit].mean() + (x[~fit] - x[fit].mean(0)) @ w
        np.testing.assert_allclose(found["prediction"][~fit, 0], by_hand, atol=1e-4 * np.abs(z).max())


def test_the_decoded_direction_is_the_mean_of_the_probes_of_all_folds(walk, truth):
    """By normal equations, fold by fold."""
    codes, fold, x = truth
    found = decoded_from_block_1(walk, chosen=np.array([3]), penalties=[1.0])
    expected = []
    for f in range(3):
        centred = x[fold != f] - x[fold != f].mean(0)
        gram = centred.T @ centred
        alpha = np.trace(gram) / len(gram)
        expected.append(np.linalg.solve(gram + alpha * np.eye(len(gram)), centred.T @ codes[fold != f, 3]))
    np.testing.assert_allclose(found["weights"][:, 0], np.mean(expected, 0), rtol=1e-4)


def test_images_of_another_run_are_refused(walk):
    with pytest.raises(StrataError, match="its images is"):
        decoded_from_block_1(walk, activations=walk.activations["block-01"][::-1])


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["stem", *(f"block-{i:02d}" for i in range(1, 9))], ["block-01", "block-05", "block-08"]),
        (["stem", "block-01", "block-02"], ["block-01", "block-02"]),
        (["block-07", "penultimate"], ["block-07"]),
    ],
)
def test_the_blocks_that_are_shown_are_spread_over_the_network(names, shown):
    assert layers.early_middle_last(names) == shown
