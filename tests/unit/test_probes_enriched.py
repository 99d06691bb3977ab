"""Enriched samples, beside weighted regressions that look at every image."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from strata import store
from strata.errors import StrataError
from strata.probes import enriched, ridge
from strata.probes.cka import linear_cka
from strata.probes.moments import Moments, in_blocks
from strata.probes.probe import probe_layers

PENALTIES = [1e-6, 1e-3, 1e-1, 1.0, 10.0]
FOLDS = 5


def of_classes(x, z, fold, label, origin):
    for c in np.unique(origin):
        rows, features = np.flatnonzero(label == c), np.flatnonzero(origin == c)
        parts = (features, x[rows], z[np.ix_(rows, features)], fold[rows])
        yield enriched.OfClass(*map(torch.from_numpy, parts))


def moments_of(x, z, fold):
    return Moments.of(*map(torch.from_numpy, (x, z)), fold=torch.from_numpy(fold), folds=FOLDS)


def measured(x, z, fold, label, origin, share, penalties=PENALTIES):
    classes = of_classes(x, z, fold, label, origin)
    return enriched.v_information(moments_of(x, z, fold), classes, penalties=penalties, class_share=share)


def independent(x, z, fold, w):
    """Weighted V-information of one code, by nested cross-validation of explicit weighted regressions in float64."""

    def error(fit, held_out, penalty):
        mean = np.average(x[fit], axis=0, weights=w[fit])
        alpha = penalty * (w[fit] @ np.square(x[fit] - mean)).sum() / x.shape[1]
        probe = Ridge(alpha=alpha, solver="cholesky").fit(x[fit], z[fit], sample_weight=w[fit])
        return w[held_out] @ np.square(z[held_out] - probe.predict(x[held_out]))

    sse, sst, chosen = np.zeros(FOLDS), np.zeros(FOLDS), np.zeros(FOLDS)
    for h in range(FOLDS):
        others = [g for g in range(FOLDS) if g != h]
        costs = [sum(error((fold != h) & (fold != g), fold == g, p) for g in others) for p in PENALTIES]
        chosen[h] = PENALTIES[np.argmin(costs)]
        sse[h] = error(fold != h, fold == h, chosen[h])
        mean = np.average(z[fold != h], weights=w[fold != h])
        sst[h] = w[fold == h] @ np.square(z[fold == h] - mean)
    return 1 - sse.sum() / sst.sum(), sse, sst, chosen


def weighted_cka(x, z, w):
    x, z = (v - np.average(v, axis=0, weights=w) for v in (x, z))
    return np.square(w * z @ x).sum() / (np.linalg.norm((w * x.T) @ x) * (w @ z**2))


def weights(label, c, share):
    own = label == c
    return np.where(own, share / own.mean(), (1 - share) / (1 - own.mean()))


def made(n, d, sizes, seed=0):
    """Images of some classes, each at a place of its own; two rectified directions of every class."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(len(sizes)), sizes)
    assert len(label) == n
    x = 3 + rng.normal(size=(n, d)) + rng.normal(size=(len(sizes), d))[label]
    origin = np.repeat(np.arange(len(sizes)), 2)
    z = np.maximum((x - 3) @ rng.normal(size=(d, len(origin))) / np.sqrt(d) - 0.5, 0) * (label[:, None] == origin)
    z += 0.3 * np.abs(rng.normal(size=z.shape))
    return x, z, np.tile(np.arange(FOLDS), n)[rng.permutation(n)], label, origin


CASES = {
    "few images a class": (made(200, 12, [10, 60, 130]), 0.5),
    "more images of a class than units": (made(200, 6, [40, 60, 100]), 0.5),
    "more units than images": (made(90, 120, [20, 30, 40]), 0.3),
    "a class that is made rarer": (made(160, 10, [100, 30, 30]), 0.2),
    "a class that is nearly all": (made(160, 10, [20, 70, 70]), 0.99),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_it_is_what_weighted_regressions_on_all_images_tell(name):
    (x, z, fold, label, origin), share = CASES[name]
    found, cka = measured(x, z, fold, label, origin, share)
    for k, c in enumerate(origin):
        w = weights(label, c, share)
        value, sse, sst, chosen = independent(x, z[:, k], fold, w)
        np.testing.assert_array_equal(found.penalty[:, k], chosen)
        np.testing.assert_allclose(found.sse[:, k], sse, rtol=1e-7)
        np.testing.assert_allclose(found.sst[:, k], sst, rtol=1e-9)
        assert float(found.value[k]) == pytest.approx(value, abs=1e-8)
        assert float(cka[k]) == pytest.approx(weighted_cka(x, z[:, k], w), rel=1e-9)


def test_a_class_that_has_its_share_already_changes_nothing():
    x, z, fold, label, origin = made(200, 12, [50, 50, 100])
    x = np.column_stack([x, np.ones(len(x)), x[:, 0]])  # units that do not vary, and vary together
    some = origin < 2
    found, cka = measured(x, z[:, some], fold, label, origin[some], 0.25)
    moments = moments_of(x, z[:, some], fold)
    expected = ridge.v_information(moments, PENALTIES)
    for name, values in vars(expected).items():
        np.testing.assert_allclose(getattr(found, name), values, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(cka, linear_cka(moments), rtol=1e-10)


def test_images_that_are_there_twice_are_as_much_as_twice_the_weight():
    x, z, fold, label, origin = made(150, 8, [30, 60, 60])
    twice = np.concatenate([np.arange(150), np.flatnonzero(label == 0)])
    found, _ = measured(x, z[:, :2], fold, label, origin[:2], 60 / 180, penalties=[0.1])
    more = ridge.v_information(moments_of(x[twice], z[twice][:, :2], fold[twice]), [0.1])
    np.testing.assert_allclose(found.value, more.value, rtol=1e-9)


def test_a_code_that_does_not_vary_has_none():
    x, z, fold, label, origin = made(200, 12, [50, 50, 100])
    z[:, 1] = 2.0
    found, _ = measured(x, z, fold, label, origin, 0.5)
    assert np.flatnonzero(found.value.isnan()).tolist() == [1]


@pytest.mark.parametrize("d", [16, 64])
def test_a_rare_class_is_told_of_as_if_it_were_common(d):
    """A feature that its class has, 0.5 % of the images, beside the same one where the class is half of them."""
    rng = np.random.default_rng(d)
    place = rng.normal(size=d) / np.sqrt(d) * 4

    def images(own, others):
        label = np.repeat([0, 1], [own, others])
        x = rng.normal(size=(own + others, d)) + np.where(label[:, None] == 0, place, 0)
        # What fires is seen in x, and it fires in the class alone.
        z = np.maximum(x @ place / np.linalg.norm(place) - 1, 0) * (label == 0)
        return x, z[:, None], rng.permutation(np.arange(own + others) % FOLDS), label, np.zeros(1, int)

    truth = float(ridge.v_information(moments_of(*images(20_000, 20_000)[:3]), PENALTIES).value[0])
    rare, raw = [], []
    for _ in range(4):
        few = images(200, 39_800)
        rare.append(float(measured(*few, 0.5)[0].value[0]))
        raw.append(float(ridge.v_information(moments_of(*few[:3]), PENALTIES).value[0]))
    error = np.std(rare, ddof=1) / 2
    print(f"d {d}: half {truth:.3f}, rare {np.mean(rare):.3f} ± {error:.3f}, raw {np.mean(raw):.3f}")
    assert np.mean(raw) < truth - 0.2
    assert np.mean(rare) == pytest.approx(truth, abs=0.03 + 3 * error)


@pytest.fixture
def shards(tmp_path):
    """Three classes in two shards: images, activations of a layer, codes of a dictionary of two features a class."""
    x, z, _, label, origin = made(120, 8, [30, 40, 50])
    order = np.random.default_rng(1).permutation(len(x))
    paths = {kind: [tmp_path / f"{kind}-{i}.h5" for i in range(2)] for kind in ("images", "layer", "codes")}
    for i, rows in enumerate(np.array_split(order, 2)):
        of, train = {"images": f"images {i}"}, rows % 3 > 0
        store.write(paths["images"][i], {"labels": label[rows], "train": train}, kind="images", **of)
        arrays = {"activations": x[rows].astype(np.float32), "train": train}
        store.write(paths["layer"][i], arrays, kind="activations", layer="stem", checkpoint="last", **of)
        store.write(paths["codes"][i], {"codes": z[rows].astype(np.float32)}, kind="codes", features="own", **of)
    dictionary = tmp_path / "dictionary.h5"
    store.write(dictionary, {"origin": origin}, kind="features")
    return {"order": order, "dictionary": dictionary, **paths}


HOW = {"folds": 3, "penalties": [0.01, 1.0], "seed": 0, "class_share": 0.5}


def probed(shards, output, **how):
    probe_layers(
        {"stem": shards["layer"]},
        {"own": shards["codes"]},
        sample="enriched",
        origins={"own": shards["dictionary"]},
        images=shards["images"],
        output=output,
        **{**HOW, "memory_mb": 256, **how},
    )
    return store.read(output, kind="vinfo", sample="enriched")


@pytest.mark.parametrize("studied", ["all", "test"])
def test_shards_give_what_their_images_give(shards, tmp_path, studied):
    found, about = probed(shards, tmp_path / "whole.h5", studied=studied)
    assert about["settings"] == {"penalties": [0.01, 1.0], "class_share": 0.5}
    x, z, _, label, origin = made(120, 8, [30, 40, 50])
    fold = np.concatenate(
        [
            dealt
            for *_, dealt in in_blocks(shards["layer"], shards["codes"], layer="stem", folds=3, seed=0, studied=studied)
        ]
    )
    kept = fold >= 0
    assert kept.sum() == (120 if studied == "all" else 40)
    x, z, label = (values[shards["order"]][kept] for values in (x, z, label))
    moments = Moments.of(*map(torch.from_numpy, (x, z)), fold=torch.from_numpy(fold[kept]), folds=3)
    classes = of_classes(x, z, fold[kept], label, origin)
    expected, cka = enriched.v_information(moments, classes, penalties=HOW["penalties"], class_share=0.5)
    for name, values in {**expected.arrays(), "cka": cka}.items():
        np.testing.assert_allclose(found[f"own/stem/{name}"], values, rtol=1e-4, atol=1e-5)


def test_little_memory_changes_no_result(shards, tmp_path):
    room_for_some = 27 * 8**2 * 8 + 120 * 8 * 4 + 3 * 9 * 8 * 8  # three features: one and a half classes
    few, _ = probed(shards, tmp_path / "few.h5", memory_mb=room_for_some / 2**20)
    whole, _ = probed(shards, tmp_path / "whole.h5")
    for name, values in whole.items():
        np.testing.assert_allclose(few[name], values, rtol=1e-5, atol=1e-6)
    with pytest.raises(StrataError, match=r"probes\.memory_mb"):
        probed(shards, tmp_path / "less.h5", memory_mb=(27 * 8**2 * 8 + 120 * 8 * 4) / 2**20)


def test_images_of_others_are_refused(shards, tmp_path):
    with pytest.raises(StrataError, match="its images is 'images 1', expected 'images 0'"):
        probed({**shards, "images": shards["images"][::-1]}, tmp_path / "vinfo.h5")


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ([0, 0, 1, 1, 2, -1], "activations.sample must be stratified, because these features come from no class"),
        (
            [0, 0, 1, 1, 3, 3],
            "activations.sample: enriched needs images of every class .* class number 3 has them in 0",
        ),
    ],
)
def test_what_cannot_be_enriched_is_told(shards, tmp_path, origin, said):
    store.write(shards["dictionary"], {"origin": np.array(origin)}, kind="features")
    with pytest.raises(StrataError, match=said):
        probed(shards, tmp_path / "vinfo.h5")
