import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from strata import measurements, probes, store
from strata.errors import StrataError

PENALTIES = [1e-6, 1e-3, 1e-1, 1.0, 10.0, 1000.0]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def moments_of(x, z, fold, **more):
    return probes.Moments.of(*map(torch.from_numpy, (x, z, fold)), folds=int(fold.max()) + 1, **more)


def measured(x, z, fold, penalties=PENALTIES, **more):
    return probes.v_information(moments_of(x, z, fold), penalties, **more)


def folds_of(n, k=5, seed=0):
    return np.random.default_rng(seed).permutation(np.arange(n) % k)


def independent(x, z, fold, penalties=PENALTIES):
    """V-information by nested cross-validation of explicit ridge regressions in float64.

    Returns the value (K), and what every penalty costs within the other folds (folds × penalties × K).
    """
    x, z = x.astype(np.float64), z.astype(np.float64)

    def errors(fit, held_out, penalty):
        unit = np.square(x[fit] - x[fit].mean(0)).sum() / x.shape[1]
        alpha = np.broadcast_to(np.asarray(penalty) * unit, z.shape[1])
        ridge = Ridge(alpha=alpha, solver="svd").fit(x[fit], z[fit])
        return np.square(z[held_out] - ridge.predict(x[held_out])).sum(0)

    folds = range(fold.max() + 1)
    sse, sst, costs = 0.0, 0.0, []
    for h in folds:
        others = [g for g in folds if g != h]
        costs.append([sum(errors((fold != h) & (fold != g), fold == g, p) for g in others) for p in penalties])
        chosen = np.array(penalties)[np.argmin(costs[-1], axis=0)]
        sse = sse + errors(fold != h, fold == h, chosen)
        sst = sst + np.square(z[fold == h] - z[fold != h].mean(0)).sum(0)
    return 1 - sse / sst, np.array(costs)


def signal(x, features, noise, seed=9):
    """Return codes that are linear in the layer, with noise of a standard deviation relative to the signal's."""
    z = x @ normal(x.shape[1], features, seed=seed)
    return z + np.asarray(noise) * z.std(0) * normal(*z.shape, seed=seed + 1)


def cases():
    x = normal(120, 8)
    mixed = [0.1, 0.5, 1.0, 3.0, 10.0]
    yield "more images than units", x, signal(x, 5, mixed)
    yield "codes as they are, mostly zero", x, np.maximum(signal(x, 5, mixed) - 2, 0)
    wide = normal(60, 90, seed=1)
    yield "more units than images", wide, signal(wide, 5, mixed)
    level = normal(
        75, 60, seed=2
    )  # the folds of an inner fit have fewer images than units, those of an outer one as many
    yield "as many units as images", level, signal(level, 5, mixed)
    yield "units of very different sizes", x * np.logspace(-3, 3, 8), signal(x, 5, mixed)
    yield "units far from zero", (x + 1000).astype(np.float32), signal(x, 5, mixed).astype(np.float32)
    yield "twin units", np.repeat(x, 2, axis=1), signal(x, 5, mixed)
    yield "constant and dead units", np.column_stack([x, np.ones((120, 1)), np.zeros((120, 1))]), signal(x, 5, mixed)
    yield "a large layer", 1e6 * x, signal(x, 5, mixed)
    yield "a small layer", 1e-6 * x, signal(x, 5, mixed)
    yield "codes far from zero", x, signal(x, 5, mixed) + 300
    yield "half precision", x.astype(np.float16), signal(x, 5, mixed).astype(np.float32)


CASES = {name: (x, z) for name, x, z in cases()}


@pytest.mark.parametrize("folds", [3, 5])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CASES)
def test_v_information_is_that_of_an_independent_float64_solution(name, dtype, folds):
    x, z = (a if a.dtype == np.float16 else a.astype(dtype) for a in CASES[name])
    fold = folds_of(len(x), folds)
    expected, costs = independent(x, z, fold)
    found = measured(x, z, fold)
    np.testing.assert_allclose(found.value.numpy(), expected, atol=1e-4)
    # The penalties need not be the same ones, but must be as good as the best, within the folds that choose them.
    chosen = np.searchsorted(PENALTIES, found.penalty.numpy())
    cost = np.take_along_axis(costs, chosen[:, None], axis=1)[:, 0]
    assert (cost <= costs.min(1) * (1 + 1e-4)).all()


def test_the_value_is_that_of_its_errors():
    x, z = CASES["more images than units"]
    found = measured(x, z, folds_of(len(x)))
    assert found.sse.shape == found.sst.shape == found.penalty.shape == (5, 5)
    torch.testing.assert_close(found.value, 1 - found.sse.sum(0) / found.sst.sum(0))


def test_the_penalty_of_a_fold_does_not_depend_on_it():
    x, z = CASES["more images than units"]
    fold = folds_of(len(x))
    before = measured(x, z, fold)
    spoiled = np.where((fold == 2)[:, None], 100 * normal(*z.shape, seed=5), z)
    after = measured(x, spoiled, fold)
    assert torch.equal(before.penalty[2], after.penalty[2])
    assert not torch.equal(before.penalty, after.penalty)


def test_features_get_penalties_of_their_own():
    x = normal(200, 40)
    found = measured(x, signal(x, 2, [0.01, 20.0]), folds_of(200))
    assert (found.penalty[:, 0] < found.penalty[:, 1]).all()


@pytest.mark.parametrize("scale", [1e-3, 1e4])
def test_the_unit_of_a_layer_does_not_matter(scale):
    x, z = CASES["more images than units"]
    fold = folds_of(len(x))
    found, expected = measured(scale * x, z, fold), measured(x, z, fold)
    torch.testing.assert_close(found.value, expected.value, atol=1e-9, rtol=0)
    assert torch.equal(found.penalty, expected.penalty)


def test_a_feature_that_is_linear_in_the_layer_has_v_information_1():
    x = normal(300, 10)
    value = measured(x, signal(x, 6, 0.0) + 3, folds_of(300)).value
    np.testing.assert_allclose(value.numpy(), 1, atol=1e-6)


@pytest.mark.parametrize(("n", "d"), [(1000, 10), (200, 100)])
def test_independent_noise_has_v_information_0_within_its_interval(n, d):
    x, z = normal(n, d), normal(n, 300, seed=1)
    value = measured(x, z, folds_of(n)).value.numpy()
    mean, error = value.mean(), value.std() / np.sqrt(len(value))
    # Each of 300 independent features is one draw. A probe that is fitted to noise loses at most what plain
    # least squares does, d / n of the variance or so, and the penalty takes nearly all of that back.
    assert mean - 4 * error <= 0
    assert mean + 4 * error >= -0.5 * min(1, d / (0.8 * n))
    assert np.abs(value).max() < 0.2


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_signal_and_noise_have_the_signals_share(share):
    n, d = 20_000, 8
    x = normal(n, d)
    w = normal(d, 40, seed=1)
    clean = x @ w / np.linalg.norm(w, axis=0)  # unit variance in expectation
    z = np.sqrt(share) * clean + np.sqrt(1 - share) * normal(n, 40, seed=2)
    value = measured(x, z, folds_of(n)).value.numpy()
    # The standard error of a coefficient of determination (Wishart 1931): 2 √ρ (1 − ρ) / √n; the fit costs d / n more.
    error = 2 * np.sqrt(share) * (1 - share) / np.sqrt(n)
    np.testing.assert_allclose(value, share, atol=4 * error + 2 * d / n)
    assert value.mean() == pytest.approx(share, abs=4 * error / np.sqrt(40) + 2 * d / n)


@pytest.mark.parametrize("constant", [0.0, 0.1, 3.7, 1e6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_code_is_missing_and_leaves_the_others_alone(constant, dtype):
    x, z = (a.astype(dtype) for a in CASES["more images than units"])
    fold = folds_of(len(x))
    with_constant = np.column_stack([z[:, :2], np.full(len(x), constant, dtype), z[:, 2:]])
    found, others = measured(x, with_constant, fold), [0, 1, 3, 4, 5]
    assert found.value.isnan().tolist() == [False, False, True, False, False, False]
    torch.testing.assert_close(found.value[others], measured(x, z, fold).value)
    cka = probes.linear_cka(moments_of(x, with_constant, fold))
    assert cka.isnan().tolist() == [False, False, True, False, False, False]


def test_a_feature_that_a_fold_never_shows_is_finite():
    x, z = CASES["more images than units"]
    fold = folds_of(len(x))
    shown = [np.where(fold == 0, 0, z[:, 0]), np.where(fold == 0, z[:, 0], 0), np.eye(1, len(x), 7)[0]]
    found = measured(x, np.column_stack(shown), fold)
    assert found.value.isfinite().all()
    np.testing.assert_allclose(found.value.numpy(), independent(x, np.column_stack(shown), fold)[0], atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("constant", [0, 0.1, 0.7, 5, 1234.567])
@pytest.mark.parametrize("units", [1, 4])
def test_a_layer_that_never_changes_tells_nothing(constant, units, dtype):
    value = measured(np.full((60, units), constant, dtype), normal(60, 3).astype(dtype), folds_of(60)).value
    np.testing.assert_allclose(value.numpy(), 0, atol=1e-6)


SUMS = ("n", "x", "z", "xx", "xz", "zz")


def assert_same(found, expected, **tolerance):
    for name in SUMS:
        torch.testing.assert_close(getattr(found, name).cpu(), getattr(expected, name), **tolerance, msg=name)


def test_moments_of_whole_numbers_add_up_exactly():
    rng = np.random.default_rng(0)
    x, z = rng.integers(0, 256, (50, 6)).astype(np.float32), rng.integers(0, 99, (50, 4)).astype(np.float32)
    origin = [torch.full((k,), 7.0, dtype=torch.float64) for k in (6, 4)]
    whole, first, rest = (probes.Moments.empty(*origin, folds=3) for _ in range(3))
    fold = folds_of(50, 3)
    for moments, rows in ((whole, slice(None)), (first, slice(0, 17)), (rest, slice(17, None))):
        moments.add(*(torch.from_numpy(part[rows]) for part in (x, z, fold)))
    assert_same(first + rest, whole, rtol=0, atol=0)
    assert_same(rest + first, whole, rtol=0, atol=0)
    assert {getattr(whole, name).dtype for name in SUMS} == {torch.float64}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_moments_about_different_origins_add_up_to_those_of_all_images(dtype):
    x, z = (normal(50, 6) + 20).astype(dtype), (normal(50, 4, seed=1) - 5).astype(dtype)
    fold = folds_of(50, 3)
    parts = [moments_of(x[rows], z[rows], fold[rows]) for rows in (slice(0, 10), slice(10, 30), slice(30, None))]
    assert not torch.equal(parts[0].origin_x, parts[1].origin_x)
    whole = moments_of(x, z, fold).about(parts[0].origin_x, parts[0].origin_z)
    assert_same(parts[0] + parts[1] + parts[2], whole, rtol=1e-5, atol=1e-4)


def test_moments_of_some_units_are_those_of_their_columns():
    x, z, fold = normal(90, 7) + 3, normal(90, 4, seed=1), folds_of(90, 3)
    units = [5, 0, 3]
    some, own = moments_of(x, z, fold).of_units(torch.tensor(units)), moments_of(x[:, units], z, fold)
    for name, value in vars(own).items():
        torch.testing.assert_close(getattr(some, name), value, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("origin", ["their own", "the mean", "another"])
def test_moments_are_the_sums_that_they_are_said_to_be(origin):
    x, z, fold = normal(50, 6) + 3, normal(50, 4, seed=1), folds_of(50, 3)
    m = moments_of(x, z, fold)
    if origin == "the mean":
        m = m.centred()
        np.testing.assert_allclose(m.origin_x.numpy(), x.mean(0))
        np.testing.assert_allclose(m.origin_z.numpy(), z.mean(0))
    elif origin == "another":
        m = m.about(torch.from_numpy(normal(6, seed=2)), torch.from_numpy(normal(4, seed=3)))
    for f in range(3):
        xf, zf = x[fold == f] - m.origin_x.numpy(), z[fold == f] - m.origin_z.numpy()
        expected = [len(xf), xf.sum(0), zf.sum(0), xf.T @ xf, xf.T @ zf, np.square(zf).sum(0)]
        for name, value in zip(SUMS, expected, strict=True):
            np.testing.assert_allclose(getattr(m, name)[f].numpy(), value, rtol=1e-10, atol=1e-10)


def test_the_origin_of_the_moments_does_not_matter():
    x, z = CASES["more images than units"]
    moments = moments_of(x, z, folds_of(len(x)))
    found = probes.v_information(moments.about(moments.origin_x + 2, moments.origin_z - 3), PENALTIES)
    torch.testing.assert_close(found.value, probes.v_information(moments, PENALTIES).value)


@pytest.mark.parametrize("block", [1, 2, 1000])
def test_the_size_of_a_block_of_features_does_not_matter(block):
    x, z = CASES["codes as they are, mostly zero"]
    fold = folds_of(len(x))
    found, expected = measured(x, z, fold, block=block), measured(x, z, fold)
    for name in ("value", "sse", "sst", "penalty"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize("name", ["more images than units", "more units than images", "units far from zero"])
def test_linear_cka_is_its_definition_with_centred_gram_matrices(name):
    x, z = (a.astype(np.float64) for a in CASES[name])
    n = len(x)
    centre = np.eye(n) - 1 / n
    k = centre @ x @ x.T @ centre
    expected = []
    for column in z.T:
        g = centre @ np.outer(column, column) @ centre
        expected.append((k * g).sum() / np.sqrt((k * k).sum() * (g * g).sum()))
    moments = moments_of(x, z, folds_of(n))
    np.testing.assert_allclose(probes.linear_cka(moments).numpy(), expected, rtol=1e-5)
    elsewhere = moments.about(moments.origin_x + 2, moments.origin_z - 3)
    np.testing.assert_allclose(probes.linear_cka(elsewhere).numpy(), expected, rtol=1e-5)


def test_linear_cka_of_a_feature_with_a_layer_of_itself_is_1_and_with_a_constant_layer_0():
    z = normal(40, 1)
    fold = folds_of(40)
    assert probes.linear_cka(moments_of(2 * z + 1, z, fold)).item() == pytest.approx(1)
    assert probes.linear_cka(moments_of(0 * z, z, fold)).item() == 0


def test_folds_are_of_equal_size_and_follow_the_seed_and_the_shard():
    first, again, seed, shard = (probes.fold_of(103, 5, *key) for key in ((0, "ab"), (0, "ab"), (1, "ab"), (0, "ba")))
    assert sorted(np.bincount(first)) == [20, 20, 21, 21, 21]
    assert (first == again).all()
    assert (first != seed).any()
    assert (first != shard).any()
    assert list(first) != sorted(first)


@pytest.fixture
def shards(tmp_path):
    """Two shards of one layer and of codes; returns the paths, and what they hold."""
    paths, content = {"stem": [], "codes": []}, []
    for i, n in enumerate((30, 20)):
        x, z = normal(n, 4, seed=i).astype(np.float32), normal(n, 3, seed=10 + i).astype(np.float32)
        paths["stem"].append(tmp_path / f"stem-{i}.h5")
        paths["codes"].append(tmp_path / f"codes-{i}.h5")
        store.write(paths["stem"][i], {"activations": x}, kind="activations", layer="stem", images=f"images {i}")
        store.write(paths["codes"][i], {"codes": z}, kind="codes", images=f"images {i}")
        content.append((x, z))
    return paths["stem"], paths["codes"], content


@pytest.mark.parametrize("rows", [7, 8192])
def test_moments_of_two_shards_are_those_of_all_their_images(shards, monkeypatch, rows):
    monkeypatch.setattr(probes, "_ROWS", rows)
    layer, codes, content = shards
    found = probes.accumulate(layer, codes, "stem", 4, seed=0)
    x, z = (np.concatenate(parts) for parts in zip(*content, strict=True))
    fold = np.concatenate([probes.fold_of(n, 4, 0, f"images {i}") for i, n in enumerate((30, 20))])
    expected = moments_of(x, z, fold).about(found.origin_x.cpu(), found.origin_z.cpu())
    assert_same(found, expected, rtol=1e-5, atol=1e-4)


def test_some_features_can_be_taken_alone(shards):
    layer, codes, _ = shards
    whole, some = (probes.accumulate(layer, codes, "stem", 4, 0, part) for part in (slice(None), slice(1, 3)))
    torch.testing.assert_close(some.xx, whole.xx)
    torch.testing.assert_close(some.xz, whole.xz[:, :, 1:3])
    torch.testing.assert_close(some.zz, whole.zz[:, 1:3])


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)


def rewrite(path, **changes):
    arrays, about = store.read(path)
    del about["format"]
    store.write(path, arrays, **about | changes)


@pytest.mark.parametrize(
    ("spoil", "named", "message"),
    [
        (lambda layer, codes: rewrite(layer[1], layer="block-01"), "stem-1.h5", "its layer is 'block-01'"),
        (lambda layer, codes: rewrite(layer[1], kind="images"), "stem-1.h5", "its kind is 'images'"),
        (lambda layer, codes: rewrite(layer[1], images="other"), "stem-1.h5", "its images is 'other'"),
        (lambda layer, codes: rewrite(codes[0], images="other"), "stem-0.h5", "expected 'other'"),
        (lambda layer, codes: rewrite(codes[0], kind="images"), "codes-0.h5", "its kind is 'images'"),
        (lambda layer, codes: layer.reverse(), "stem-1.h5", "its images is 'images 1'"),
        (lambda layer, codes: damage(layer[0]), "stem-0.h5", "damaged"),
        (lambda layer, codes: codes[1].unlink(), "codes-1.h5", "is missing"),
    ],
)
def test_shards_that_do_not_belong_together_are_told(shards, spoil, named, message):
    layer, codes, _ = shards
    spoil(layer, codes)
    with pytest.raises(StrataError, match=message) as error:
        probes.accumulate(layer, codes, "stem", 4, seed=0)
    assert str(error.value).split()[0].endswith(named)
    assert "snakemake --cores all --force" in str(error.value)
    assert "\n" not in str(error.value)


def test_more_folds_than_the_images_allow_are_told(shards):
    layer, codes, _ = shards
    assert len(probes.accumulate(layer[1:], codes[1:], "stem", 10, seed=0).n) == 10
    with pytest.raises(StrataError, match=r"probes\.folds: 11 folds leave fewer than 2 images"):
        probes.accumulate(layer[1:], codes[1:], "stem", 11, seed=0)


def test_probe_results_are_written_by_layer(walk):
    arrays = measurements.read_vinfo([walk.vinfo], list(walk.activations))
    cka = measurements.read_vinfo([walk.vinfo], list(walk.activations), "cka")
    with store.Shard(walk.vinfo, kind="vinfo", layers=list(walk.activations), penalties=[0.01, 1.0, 100.0]) as shard:
        for i, (layer, paths) in enumerate(walk.activations.items()):
            moments = probes.accumulate(paths, walk.codes, layer, 3, 0)
            expected = probes.v_information(moments, [0.01, 1.0, 100.0])
            np.testing.assert_array_equal(arrays[i], expected.value.cpu().numpy())
            np.testing.assert_array_equal(cka[i], probes.linear_cka(moments).cpu().numpy())
            for name in ("sse", "sst", "penalty"):
                np.testing.assert_array_equal(shard.read(f"{layer}/{name}"), getattr(expected, name).cpu().numpy())


def test_little_memory_changes_no_result(walk, tmp_path):
    layers = {name: walk.activations[name] for name in ("stem", "penultimate")}
    fixed = 27 * 8**2 * 8  # bytes for 8 units and 3 folds, whatever the number of features
    room_for_two = (fixed + 2 * 9 * 8 * 8) / 2**20
    probes.probe_layers(layers, walk.codes, 3, [0.01, 1.0, 100.0], 0, room_for_two, tmp_path / "vinfo.h5")
    for name in ("vinfo", "cka", "sse", "sst", "penalty"):
        found, expected = (
            measurements.read_vinfo([path], list(layers), name) for path in (tmp_path / "vinfo.h5", walk.vinfo)
        )
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_too_little_memory_is_told(walk, tmp_path):
    layers = {"stem": walk.activations["stem"]}
    with pytest.raises(StrataError, match=r"probes\.memory_mb: 0 is too little for 4 units"):
        probes.probe_layers(layers, walk.codes, 3, [1.0], 0, 0, tmp_path / "vinfo.h5")


def test_shards_of_different_checkpoints_are_not_probed_together(walk, tmp_path):
    arrays, about = store.read(walk.activations["stem"][1])
    other = tmp_path / "other.h5"
    store.write(other, arrays, **{**about, "checkpoint": "another"})
    layers = {"stem": [walk.activations["stem"][0], other]}
    with pytest.raises(StrataError, match="its checkpoint is 'another'"):
        probes.probe_layers(layers, walk.codes, 3, [1.0], 0, 64, tmp_path / "vinfo.h5")


def test_features_are_the_more_decodable_the_nearer_the_layer_is_to_them(walk):
    """The penultimate layer, of which the codes are made, tells the most of the features that vary."""
    first, *_, last = measurements.read_vinfo([walk.vinfo], ["stem", "block-01", "block-02", "penultimate"])
    assert np.nanmean(last) > np.nanmean(first)
    assert np.nanmean(last) > 0.5


def test_a_layer_split_over_jobs_has_the_moments_of_the_whole(tmp_path):
    rng = torch.Generator().manual_seed(0)
    x, z = torch.rand(300, 6, generator=rng) + 3, torch.rand(300, 4, generator=rng)
    fold = torch.arange(300) % 5
    for job, rows in enumerate((slice(0, 170), slice(170, 300))):
        probes.Moments.of(x[rows], z[rows], fold[rows], 5).save(tmp_path / f"{job}.h5", layer="block-01")
    merged = probes.Moments.load(tmp_path / "0.h5") + probes.Moments.load(tmp_path / "1.h5", layer="block-01")
    whole = probes.v_information(probes.Moments.of(x, z, fold, 5), [1e-3, 1.0])
    assert torch.allclose(probes.v_information(merged, [1e-3, 1.0]).value, whole.value, atol=1e-6)
    with pytest.raises(StrataError, match="layer"):
        probes.Moments.load(tmp_path / "0.h5", layer="block-02")
