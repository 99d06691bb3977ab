import numpy as np
import pytest
import torch

from strata import store
from strata.errors import StrataError
from strata.probes.moments import Moments, accumulate, fold_of
from strata.probes.ridge import v_information


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def moments_of(x, z, fold):
    return Moments.of(*map(torch.from_numpy, (x, z)), fold=torch.from_numpy(fold), folds=int(fold.max()) + 1)


def folds_of(n, k=5, seed=0):
    return np.random.default_rng(seed).permutation(np.arange(n) % k)


SUMS = ("n", "x", "z", "xx", "xz", "zz")


def assert_same(found, expected, **tolerance):
    for name in SUMS:
        torch.testing.assert_close(getattr(found, name).cpu(), getattr(expected, name), **tolerance, msg=name)


def test_moments_of_whole_numbers_add_up_exactly():
    rng = np.random.default_rng(0)
    x, z = rng.integers(0, 256, (50, 6)).astype(np.float32), rng.integers(0, 99, (50, 4)).astype(np.float32)
    origin = [torch.full((k,), 7.0, dtype=torch.float64) for k in (6, 4)]
    whole, first, rest = (Moments.empty(*origin, folds=3) for _ in range(3))
    fold = folds_of(50, 3)
    for moments, rows in ((whole, slice(None)), (first, slice(0, 17)), (rest, slice(17, None))):
        own_x, own_z, own_fold = (torch.from_numpy(part[rows]) for part in (x, z, fold))
        moments.add(own_x, own_z, fold=own_fold)
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


def test_folds_are_of_equal_size_and_follow_the_seed_and_the_shard():
    first, again, seed, shard = (
        fold_of(103, 5, seed=s, shard=of) for s, of in ((0, "ab"), (0, "ab"), (1, "ab"), (0, "ba"))
    )
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
    monkeypatch.setattr("strata.probes.moments._ROWS", rows)
    layer, codes, content = shards
    found = accumulate(layer, codes, layer="stem", folds=4, seed=0)
    x, z = (np.concatenate(parts) for parts in zip(*content, strict=True))
    fold = np.concatenate([fold_of(n, 4, seed=0, shard=f"images {i}") for i, n in enumerate((30, 20))])
    expected = moments_of(x, z, fold).about(found.origin_x.cpu(), found.origin_z.cpu())
    assert_same(found, expected, rtol=1e-5, atol=1e-4)


def test_some_features_can_be_taken_alone(shards):
    layer, codes, _ = shards
    whole, some = (
        accumulate(layer, codes, layer="stem", folds=4, seed=0, chosen=part) for part in (slice(None), slice(1, 3))
    )
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
        accumulate(layer, codes, layer="stem", folds=4, seed=0)
    assert str(error.value).split()[0].endswith(named)
    assert "snakemake --cores all --force" in str(error.value)
    assert "\n" not in str(error.value)


def test_more_folds_than_the_images_allow_are_told(shards):
    layer, codes, _ = shards
    assert len(accumulate(layer[1:], codes[1:], layer="stem", folds=10, seed=0).n) == 10
    with pytest.raises(StrataError, match=r"probes\.folds: 11 folds leave fewer than 2 images"):
        accumulate(layer[1:], codes[1:], layer="stem", folds=11, seed=0)


def test_a_layer_split_over_jobs_has_the_moments_of_the_whole(tmp_path):
    rng = torch.Generator().manual_seed(0)
    x, z = torch.rand(300, 6, generator=rng) + 3, torch.rand(300, 4, generator=rng)
    fold = torch.arange(300) % 5
    for job, rows in enumerate((slice(0, 170), slice(170, 300))):
        Moments.of(x[rows], z[rows], fold=fold[rows], folds=5).save(tmp_path / f"{job}.h5", layer="block-01")
    merged = Moments.load(tmp_path / "0.h5") + Moments.load(tmp_path / "1.h5", layer="block-01")
    whole = v_information(Moments.of(x, z, fold=fold, folds=5), [1e-3, 1.0])
    assert torch.allclose(v_information(merged, [1e-3, 1.0]).value, whole.value, atol=1e-6)
    with pytest.raises(StrataError, match="layer"):
        Moments.load(tmp_path / "0.h5", layer="block-02")
