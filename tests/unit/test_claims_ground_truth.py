import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from known_factors import LAYERS, calibration_with, errors_with, interventions_with
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
from strata.probes.moments import Moments, fold_of
from strata.probes.probe import probe_layers
from strata.probes.ridge import v_information

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
    probe_layers(activations, {"factors": [str(c) for _, c in parts]}, output=vinfo, **how)
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


@pytest.mark.slow
def test_a_calibration_code_has_its_share_of_signal_and_its_firing_rate():
    factors = shapes.factors_of(np.arange(100_000), 0, correlation=None)
    z = factor_codes.calibration(factors, np.random.default_rng(0)).astype(float)
    columns = factor_codes.columns()
    assert z.shape == (len(factors), len(columns)) == (100_000, 39)
    for code, column in zip(z.T, columns, strict=True):
        clean = (factors[:, FACTORS.index(column.factor)] == 1).astype(float)
        assert column.value == shapes.VALUES[column.factor][1]
        assert np.corrcoef(code, clean)[0, 1] ** 2 == pytest.approx(column.share, abs=0.01), column
        assert (code > 0).mean() == pytest.approx(column.rate, abs=0.005), column
        if column.kind == "rarity":
            assert column.level == column.rate
            assert set(np.unique(code)) == {0, 1}
            assert (code > 0)[clean == (column.rate > 0.25)].sum() == 0  # thinned, and nothing else
    shares = {column.level: column.share for column in columns if column.kind == "rarity"}
    assert shares == pytest.approx({0.5: 1 / 3, 0.1: 1 / 3, 0.02: 0.06 / 0.98, 0.005: 0.015 / 0.995})
    clean = [column for column in columns if column.share == 1]
    assert [(column.factor, column.kind) for column in clean] == [(factor, "noise") for factor in FACTORS]


def test_a_layer_tells_of_a_spoilt_code_its_share_of_what_it_tells_of_the_clean_one():
    rng = np.random.default_rng(1)
    factors = shapes.factors_of(np.arange(40_000), 0, correlation=None)
    clean = factors == 1
    x = clean @ rng.normal(size=(3, 4)) + 0.5 * rng.normal(size=(len(factors), 4))
    z = factor_codes.calibration(factors, rng)
    fold = torch.arange(len(x)) % 4
    moments = Moments.of(torch.from_numpy(x), torch.from_numpy(z), fold=fold, folds=4)
    told = v_information(moments, [1e-4]).value.numpy()
    columns = factor_codes.columns()
    whole = {column.factor: own for own, column in zip(told, columns, strict=True) if column.share == 1}
    assert min(whole.values()) > 0.1
    for own, column in zip(told, columns, strict=True):
        assert own == pytest.approx(column.share * whole[column.factor], abs=0.01), column
    kinds = np.array([column.kind for column in columns])
    halves = np.array([column.kind == "noise" and column.level == 0.5 for column in columns])
    assert told[kinds == "rescaled"] == pytest.approx(np.repeat(told[halves], 2), abs=1e-5)


def test_the_calibration_codes_of_a_shard_follow_from_its_images_alone(probed, tmp_path):
    for i, image_shard in enumerate(probed[0]):
        for name in ("one", "other"):
            factor_codes.write_calibration(image_shard, tmp_path / f"{name}-{i}.h5")
        assert (tmp_path / f"one-{i}.h5").read_bytes() == (tmp_path / f"other-{i}.h5").read_bytes()
    (first, about), (second, _) = (store.read(tmp_path / f"one-{i}.h5", kind="codes") for i in range(2))
    assert about["columns"] == [column._asdict() for column in factor_codes.columns()]
    assert about["images"] == store.read(probed[0][0])[1]["images"]
    assert about["features"].startswith("calibration ")
    noisy = first["codes"][:, 1], second["codes"][:, 1]
    assert not np.isclose(*(own[: min(map(len, noisy))] for own in noisy)).any()  # noise of their own


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
    shared = (1 / FOLDS + 1 / (FOLDS - 1)) * FOLDS  # probes of two folds share images (Nadeau & Bengio 2003)
    error = np.sqrt(shared * (FOLDS - 1) / FOLDS * ((without - without.mean(0)) ** 2).sum(0))
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


TOLD = {"colour": (0.6, 0.8, 0.9), "texture": (0.3, 0.6, 0.9), "shape": (0.0, 0.2, 0.6)}


def findings(errors, interventions, layers=LAYERS, calibration=None, **asked):
    spoilt = calibration_with(TOLD) if calibration is None else calibration
    return ground_truth.findings(errors, interventions, layers=layers, calibration_errors=spoilt, **asked)


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
    ranking, *_ = findings(
        errors, interventions_with((1, 1, 1)), layers=LAYERS[:2], shapes=ALL_THREE, settings=settings
    )
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
    ranking, *also = findings(errors, interventions, shapes=asked, settings=settings)
    assert ranking.verdict == "supported"
    assert "from colour to shape" in ranking.claim
    k = ground_truth.complexities(errors, LAYERS, confidence=0.95).set_index("factor")["complexity"]
    assert ranking.value == pytest.approx(k["shape"] - k["colour"])
    assert findings(errors, interventions, shapes=Shapes(label_from=["shape"]), settings=settings) == also


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
    shortcut, *_ = findings(errors_with((0.1, 0.3, 0.5), 0.01), interventions, shapes=asked, settings=settings)
    assert (shortcut.id, shortcut.verdict) == ("truth.shortcut", verdict)
    assert "relies on colour, the simpler of two correlated factors, more than on shape" in shortcut.claim
    last = interventions[interventions["epoch"] == 1].groupby("factor")["flipped"].mean()
    assert shortcut.value == pytest.approx(last["colour"] - last["shape"])
    assert shortcut.n == 300


def test_what_is_measured_of_calibration_codes_stands_beside_what_it_should_be(probed, tmp_path):
    image_shards, _, activations, _ = probed
    codes = [tmp_path / f"codes-{i}.h5" for i in range(2)]
    for image_shard, path in zip(image_shards, codes, strict=True):
        factor_codes.write_calibration(image_shard, path)
    how = {"family": "linear", "folds": FOLDS, "penalties": [PENALTY], "seed": 0, "memory_mb": 256}
    probe_layers(activations, {"calibration": codes}, output=tmp_path / "vinfo.h5", **how)
    errors = ground_truth.errors_of_calibration([tmp_path / "vinfo.h5"], codes, layers=LAYERS).assign(seed=0)
    assert len(errors) == 39 * len(LAYERS) * FOLDS
    z = np.concatenate([store.read(path)[0]["codes"] for path in codes])
    fires = errors.groupby("code")["firing_rate"].first()
    np.testing.assert_allclose(fires, (z > 0).mean(0))
    assert set(errors["images"]) == {240}
    table = ground_truth.calibrated(errors, LAYERS[:2], confidence=0.95)
    assert len(table) == 39 * 3
    vinfo = store.read(tmp_path / "vinfo.h5")[0]
    *told, ceiling = (vinfo[f"calibration/{layer}/vinfo"] for layer in LAYERS)
    by_hand = {
        "complexity": 1 - np.clip(told, 0, 1).mean(0),
        "ceiling": ceiling,
        "relative_complexity": np.where(ceiling > 0, 1 - np.clip(told / ceiling, 0, 1).mean(0), np.nan),
    }
    for measure, values in by_hand.items():
        own = table[table["measure"] == measure]
        varies = fires.to_numpy() > 0
        np.testing.assert_allclose(own["value"][varies], values[varies], rtol=1e-9)
        np.testing.assert_array_equal(own["told"], (measure != "relative_complexity") | (ceiling >= 0.1))
        assert own["ci_low"][own["told"] & varies].notna().all()


def test_codes_that_keep_their_share_have_what_they_should_have():
    table = ground_truth.calibrated(calibration_with(TOLD), LAYERS[:2], confidence=0.95)
    for row in table.itertuples():
        told = TOLD[row.factor]
        clean = {
            "complexity": 1 - row.share * np.mean(told[:2]),
            "ceiling": row.share * told[2],
            "relative_complexity": 1 - np.mean(told[:2]) / told[2],
        }
        assert row.value == pytest.approx(clean[row.measure])
        assert row.expected == pytest.approx(clean[row.measure])
    low = table[~table["told"]]
    assert set(low["measure"]) == {"relative_complexity"}
    ceiling = low["share"] * [TOLD[factor][2] for factor in low["factor"]]
    assert (ceiling < 0.1).all()
    assert sorted(low["level"]) == [0.005] * 3 + [0.02] * 3


def calibrated_by(spoilt, settings):
    """Return what is found of the factors, truth.ranking first, with codes that are spoilt so."""
    return findings(
        errors_with((0.1, 0.3, 0.5), 0.01),
        interventions_with((1, 1, 1)),
        layers=LAYERS[:2],
        calibration=spoilt,
        shapes=ALL_THREE,
        settings=settings,
    )


@pytest.mark.parametrize(
    ("moved", "noise", "verdict"),
    [(0.0, 0.0, "supported"), (0.01, 0.005, "supported"), (0.3, 0.01, "not supported"), (0.0, 0.15, "undecided")],
)
def test_relative_complexity_moves_or_not_with_noise_and_rarity(settings, moved, noise, verdict):
    spoilt = calibration_with(TOLD, moved=moved, noise=noise)
    _, *found = calibrated_by(spoilt, settings)
    assert [(f.id, f.verdict, f.n) for f in found] == [("truth.noise", verdict, 500), ("truth.rarity", verdict, 500)]
    table = ground_truth.calibrated(spoilt, LAYERS[:2], confidence=0.95)
    for f, kinds in zip(found, (("noise", "rectified", "rescaled"), ("rarity",)), strict=True):
        own = table[table["kind"].isin(kinds)]
        shifts = {measure: rows["shift"].abs().max() for measure, rows in own[own["told"]].groupby("measure")}
        assert f.value == pytest.approx(shifts["relative_complexity"])
        assert f.effect == pytest.approx(shifts["complexity"])
        assert f.ci_low <= f.value <= f.ci_high
        assert (f.p_value < 0.05) == (verdict == "supported")
    assert "6 of 12 codes have a ceiling below 0.1" in found[1].effect_name
    assert "0 of 24 codes" in found[0].effect_name


def test_every_firing_rate_is_told_with_its_positive_images_and_the_rarest_are_not_judged_by(settings):
    spoilt = calibration_with(TOLD, noise=0.02)
    more = (spoilt["kind"] == "rarity") & (spoilt["level"] == 0.005) & (spoilt["layer"] == LAYERS[0])
    spoilt.loc[more, "sse"] -= 0.3  # far from the clean code's, of 100
    _, noise, rarity = calibrated_by(spoilt, settings)
    assert (noise.beside, noise.note) == ([], "")
    assert [told["what"] for told in rarity.beside] == [
        f"at {rate} % ({images} to {images} positive images)"
        for rate, images in (("50", 250), ("10", 50), ("2", 10), ("0.5", 2))
    ]
    table = ground_truth.calibrated(spoilt, LAYERS[:2], confidence=0.95)
    own = table[(table["kind"] == "rarity") & (table["measure"] == "relative_complexity")]
    largest = own["shift"].abs().groupby(own["level"]).max()
    assert [told["value"] for told in rarity.beside] == pytest.approx(largest[[0.5, 0.1, 0.02, 0.005]].tolist())
    assert all(told["ci_low"] <= told["value"] <= told["ci_high"] for told in rarity.beside)
    assert rarity.value == pytest.approx(largest[[0.5, 0.1]].max())
    assert largest[0.005] > rarity.value + 0.05
    assert "firing in 2 and 0.5 % of the images, a thinned code has 6.1 and 1.5 % of its variance" in rarity.note


def test_of_codes_that_are_all_too_noisy_no_relative_complexity_is_told(settings):
    nothing = calibration_with(dict.fromkeys(FACTORS, (0.01, 0.05, 0.09)))
    _, *found = findings(
        errors_with((0.1, 0.3, 0.5), 0.01),
        interventions_with((1, 1, 1)),
        calibration=nothing,
        shapes=ALL_THREE,
        settings=settings,
    )
    assert [f.verdict for f in found] == ["undecided", "undecided"]
    assert np.isnan([f.value for f in found]).all()
    assert "12 of 12 codes" in found[1].effect_name


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


def test_the_figure_of_calibration_shows_every_code_beside_what_it_should_be(settings):
    figure, table = drawn.calibration(calibration_with(TOLD, noise=0.02), LAYERS, settings=settings)
    assert len(table) == 39 * 3
    (_, _), (noisy, rare), _ = np.reshape(figure.axes, (3, 2))  # of relative complexity
    relative = table[table["measure"] == "relative_complexity"].set_index("factor")
    for ax, kinds in ((noisy, ("noise", "rectified", "rescaled")), (rare, ("rarity",))):
        dashed = [line for line in ax.lines if line.get_linestyle() == "--"]
        assert len(dashed) == 3
        for line, factor in zip(dashed, FACTORS, strict=True):
            clean = relative.loc[factor].query("kind == 'noise' and share == 1")["value"].iloc[0]
            assert np.asarray(line.get_ydata()) == pytest.approx(clean)
        drawn_points = [line for line in ax.lines if line.get_linestyle() == "None" and len(line.get_xdata())]
        for open_, told in ((False, True), (True, False)):
            own = [line.get_ydata() for line in drawn_points if (line.get_markerfacecolor() == "white") == open_]
            wanted = relative[relative["kind"].isin(kinds) & (relative["told"] == told)]["value"]
            assert np.isin(wanted, np.concatenate([[], *own])).all()
        assert any(line.get_markerfacecolor() == "white" for line in drawn_points) == (ax is rare)
    plt.close(figure)
