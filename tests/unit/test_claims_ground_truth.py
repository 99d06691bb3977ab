import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from known_factors import LAYERS, errors_with, interventions_with
from scipy import stats
from sklearn.linear_model import Ridge

from strata import store
from strata.claims import factor_codes, ground_truth
from strata.config.keys import Correlation, Shapes
from strata.figures import ground_truth as drawn
from strata.images import shapes
from strata.images.decode import write_shard
from strata.images.index import index
from strata.images.sources import Given
from strata.probes.moments import fold_of
from strata.probes.probe import probe_layers

FACTORS = list(shapes.VALUES)
GIVEN = Given("shapes", shapes=Shapes(images=240, label_from=["shape"]))
FOLDS, PENALTY = 4, 0.1
ALL_THREE = Shapes(label_from=FACTORS)


@pytest.fixture(scope="module")
def probed(tmp_path_factory):
    """Two shards of true codes, activations that tell them more or less well, and what probes find in those."""
    folder = tmp_path_factory.mktemp("truth")
    images = index(GIVEN, 0.25, shards=2)
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(12, 20))
    parts, activations = [], {layer: [] for layer in LAYERS}
    for i in range(2):
        image_shard, code_shard = folder / f"images-{i}.h5", folder / f"codes-{i}.h5"
        own = images[images["shard"] == i]
        write_shard(own, sorted(shapes.VALUES["shape"]), given=GIVEN, size=8, output=image_shard)
        factor_codes.write_codes(image_shard, code_shard)
        arrays, about = store.read(code_shard)
        for noise, layer in zip((3.0, 1.0, 0.3), LAYERS, strict=True):
            x = (arrays["codes"] @ mix + noise * rng.normal(size=(len(own), 20))).astype(np.float32)
            activations[layer].append(folder / f"{layer}-{i}.h5")
            store.write(
                activations[layer][-1],
                {"activations": x},
                kind="activations",
                images=about["images"],
                checkpoint="c",
                layer=layer,
            )
        parts.append((image_shard, code_shard))
    vinfo = folder / "vinfo.h5"
    how = {"family": "linear", "folds": FOLDS, "penalties": [PENALTY], "seed": 0, "memory_mb": 256}
    probe_layers(activations, [str(c) for _, c in parts], output=vinfo, **how)
    return [p[0] for p in parts], [p[1] for p in parts], activations, vinfo


def test_true_codes_are_indicators_of_the_factors(probed):
    image_shards, code_shards, _, _ = probed
    for image_shard, code_shard in zip(image_shards, code_shards, strict=True):
        images, about = store.read(image_shard)
        found, attributes = store.read(code_shard, kind="codes", images=about["images"])
        z = found["codes"]
        assert z.shape == (len(images["factors"]), 12)
        assert set(np.unique(z)) == {0, 1}
        assert (z.reshape(-1, 3, 4).argmax(2) == images["factors"]).all()
        assert (z.sum(1) == 3).all()
        assert attributes["features"].startswith("truth ")


def by_hand(probed, layer):
    """Return squared errors of ridge probes and of means (folds × factors), fitted one by one with scikit-learn."""
    _, code_shards, activations, _ = probed
    x, z, fold = [], [], []
    for code_shard, activation_shard in zip(code_shards, activations[layer], strict=True):
        arrays, about = store.read(code_shard)
        z.append(arrays["codes"].astype(float))
        x.append(store.read(activation_shard)[0]["activations"].astype(float))
        fold.append(fold_of(len(z[-1]), FOLDS, seed=0, shard=about["images"]))
    x, z, fold = (np.concatenate(part) for part in (x, z, fold))
    sse, sst = np.zeros((2, FOLDS, 3))
    for f in range(FOLDS):
        fit, held = fold != f, fold == f
        alpha = PENALTY * ((x[fit] - x[fit].mean(0)) ** 2).sum() / x.shape[1]
        for k in range(12):
            probe = Ridge(alpha=alpha).fit(x[fit], z[fit, k])
            sse[f, k // 4] += ((z[held, k] - probe.predict(x[held])) ** 2).sum()
            sst[f, k // 4] += ((z[held, k] - z[fit, k].mean()) ** 2).sum()
    return sse, sst


def test_complexity_is_that_of_pooled_indicators_computed_one_by_one(probed):
    errors = ground_truth.errors_of_folds([probed[3]], LAYERS).assign(seed=0, epoch=2)
    listed = LAYERS[:2]
    found = ground_truth.complexities(errors, listed, confidence=0.95).set_index("factor")
    sums = [by_hand(probed, layer) for layer in listed]
    k = 1 - np.mean([np.clip(1 - sse.sum(0) / sst.sum(0), 0, 1) for sse, sst in sums], axis=0)
    assert found.loc[FACTORS, "complexity"].to_numpy() == pytest.approx(k, abs=1e-4)
    kept = [np.delete(np.arange(FOLDS), f) for f in range(FOLDS)]
    without = np.array(
        [1 - np.mean([np.clip(1 - e[own].sum(0) / t[own].sum(0), 0, 1) for e, t in sums], axis=0) for own in kept]
    )
    error = np.sqrt((FOLDS - 1) / FOLDS * ((without - without.mean(0)) ** 2).sum(0))
    half = stats.t.ppf(0.975, FOLDS - 1) * error
    assert found.loc[FACTORS, "ci_high"].to_numpy() == pytest.approx(k + half, abs=2e-4)
    assert found.loc[FACTORS, "ci_low"].to_numpy() == pytest.approx(k - half, abs=2e-4)


def test_v_information_by_layer_and_epoch(probed):
    errors = ground_truth.errors_of_folds([probed[3]], LAYERS).assign(seed=0)
    errors = pd.concat([errors.assign(epoch=0, sse=errors["sst"]), errors.assign(epoch=2)])
    sse, sst = by_hand(probed, "penultimate")
    last = 1 - sse.sum(0) / sst.sum(0)
    layered = ground_truth.by_layer(errors, 0.95)
    assert list(dict.fromkeys(layered["layer"])) == LAYERS
    assert layered[layered["layer"] == "penultimate"]["vinfo"].to_numpy() == pytest.approx(last, abs=1e-4)
    over_time = ground_truth.by_epoch(errors, 0.95).pivot(index="epoch", columns="factor", values="vinfo")[FACTORS]
    assert over_time.loc[0].to_numpy() == pytest.approx(0)
    assert over_time.loc[2].to_numpy() == pytest.approx(last, abs=1e-4)


def test_several_seeds_are_averaged(probed):
    one = ground_truth.errors_of_folds([probed[3]], LAYERS).assign(seed=0, epoch=1)
    other = one.assign(seed=1, sse=one["sst"])  # a network that tells nothing
    alone, both = (
        ground_truth.complexities(e, LAYERS, confidence=0.95)["complexity"].to_numpy()
        for e in (one, pd.concat([one, other]))
    )
    assert both == pytest.approx((alone + 1) / 2)


def test_decodable_from_is_the_first_epoch_above_half():
    table = pd.DataFrame(
        {
            "epoch": [0, 1, 2] * 3,
            "factor": np.repeat(FACTORS, 3),
            "vinfo": [0.6, 0.4, 0.9, 0.1, 0.2, 0.3, 0.0, 0.5, 0.4],
        }
    )
    assert ground_truth.decodable_from(table, None) == {"colour": 0, "texture": None, "shape": 1}
    together = Correlation(between=["shape", "colour"], strength=0.5)  # one tells a quarter of the other
    assert ground_truth.decodable_from(table, together) == {"colour": 2, "texture": None, "shape": None}


def findings(errors, interventions, layers=LAYERS, **asked):
    return ground_truth.findings(errors, interventions, layers=layers, **asked)


@pytest.mark.parametrize(
    ("complexities", "noise", "verdict"),
    [
        ((0.1, 0.3, 0.5), 0.01, "supported"),
        ((0.1, 0.5, 0.3), 0.01, "not supported"),
        ((0.1, 0.3, 0.31), 0.05, "undecided"),
    ],
)
def test_the_ranking_is_supported_just_where_intervals_lie_apart(settings, complexities, noise, verdict):
    errors = errors_with(complexities, noise)
    (ranking,) = findings(errors, interventions_with((1, 1, 1)), layers=LAYERS[:2], shapes=ALL_THREE, settings=settings)
    assert (ranking.id, ranking.verdict, ranking.n) == ("truth.ranking", verdict, 500)
    k = ground_truth.complexities(errors, LAYERS[:2], confidence=0.95)
    apart = (k["ci_high"].to_numpy()[:-1] < k["ci_low"].to_numpy()[1:]).all()
    assert apart == (verdict == "supported")
    assert ranking.value == pytest.approx(np.diff(k["complexity"]).min())
    assert ranking.ci_low <= ranking.value <= ranking.ci_high
    assert [(own["seed"], own["value"]) for own in ranking.by_seed] == [(0, ranking.value)]
    assert (ranking.p_value < 0.05) == (verdict != "undecided")


def test_only_factors_that_the_label_is_made_of_are_ranked(settings):
    errors, interventions = errors_with((0.1, 0.9, 0.5), 0.01), interventions_with((1, 0, 1))
    asked = Shapes(label_from=["shape", "colour"])
    (ranking,) = findings(errors, interventions, shapes=asked, settings=settings)
    assert ranking.verdict == "supported"
    assert "from colour to shape" in ranking.claim
    k = ground_truth.complexities(errors, LAYERS, confidence=0.95).set_index("factor")["complexity"]
    assert ranking.value == pytest.approx(k["shape"] - k["colour"])
    assert findings(errors, interventions, shapes=Shapes(label_from=["shape"]), settings=settings) == []


def test_factors_tell_of_each_other_the_square_of_their_correlation():
    together = Correlation(between=["shape", "colour"], strength=0.6)
    factors = shapes.factors_of(np.arange(4000), 0, correlation=together)
    colour, _, shape = ((factors[:, i, None] == np.arange(4)).astype(float) for i in range(3))
    fit = Ridge(alpha=1e-6).fit(colour, shape)
    told = 1 - ((shape - fit.predict(colour)) ** 2).sum() / ((shape - shape.mean(0)) ** 2).sum()
    assert ground_truth.told_by_others(together)["shape"] == pytest.approx(told, abs=0.03)
    assert ground_truth.told_by_others(together)["texture"] == 0
    assert set(ground_truth.told_by_others(None).values()) == {0}


@pytest.mark.parametrize(
    ("flips", "verdict"), [((0.8, 0, 0.3), "supported"), ((0.1, 0, 0.7), "not supported"), ((0.5, 0, 0.5), "undecided")]
)
def test_the_shortcut_is_judged_by_what_predictions_follow(settings, flips, verdict):
    asked = Shapes(label_from=["shape"], correlation=Correlation(between=["shape", "colour"], strength=0.9))
    interventions = interventions_with(flips)
    (shortcut,) = findings(errors_with((0.1, 0.3, 0.5), 0.01), interventions, shapes=asked, settings=settings)
    assert (shortcut.id, shortcut.verdict) == ("truth.shortcut", verdict)
    assert "relies on colour, the simpler of two correlated factors, more than on shape" in shortcut.claim
    last = interventions[interventions["epoch"] == 1].groupby("factor")["flipped"].mean()
    assert shortcut.value == pytest.approx(last["colour"] - last["shape"])
    assert shortcut.n == 300


def test_the_figure_shows_what_the_findings_rest_on(settings, probed):
    errors, interventions = errors_with((0.1, 0.3, 0.5), 0.01), interventions_with((0.9, 0.5, 0.1))
    features = pd.DataFrame({"complexity": np.linspace(0.2, 0.8, 30)})
    figure, table = drawn.ground_truth(
        features,
        errors,
        interventions=interventions,
        layers=LAYERS,
        correlation=None,
        images=probed[0],
        settings=settings,
    )
    counts = table["shown"].value_counts()
    assert counts.to_dict() == {
        "complexity": 3,
        "V-information at the last epoch": 9,
        "V-information in the penultimate layer": 6,
        "share of predictions that change": 6,
    }
    share = table[(table["shown"] == "share of predictions that change") & (table["epoch"] == 1)].set_index("factor")
    last = interventions[interventions["epoch"] == 1].groupby("factor")["flipped"].mean()
    assert share["value"].to_dict() == pytest.approx(last.to_dict())
    assert ((share["ci_low"] <= share["value"]) & (share["value"] <= share["ci_high"])).all()
    plt.close(figure)
