import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from strata import store
from strata.config.keys import Mlp
from strata.errors import StrataError
from strata.probes import perceptron, ridge
from strata.probes.moments import Moments, fold_of
from strata.probes.probe import probe_layers
from strata.probes.results import read_vinfo

SMALL = Mlp(width=64, epochs=30, learning_rate=0.01, batch_size=64)
MLP = Mlp(width=8, epochs=3, learning_rate=0.01, batch_size=16)


def normal(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def folds_of(n, k=5, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).permutation(np.arange(n) % k))


def measured(x, z, fold, how=SMALL, seed=0):
    moments = Moments.of(x, z, fold=fold, folds=int(fold.max()) + 1)
    return perceptron.v_information(x, z, fold=fold, moments=moments, mlp=how, seed=seed)


def linear(x, z, fold):
    moments = Moments.of(x, z, fold=fold, folds=int(fold.max()) + 1)
    return ridge.v_information(moments, [10.0**i for i in range(-6, 4)])


def test_what_is_linear_is_found_as_by_linear_probes():
    x = normal(1000, 12)
    signal = x @ normal(12, 6, seed=1)
    z = signal + torch.tensor([0.0, 0.1, 0.5, 1.0, 2.0, 4.0]) * signal.std(0) * normal(1000, 6, seed=2)
    fold = folds_of(1000)
    np.testing.assert_allclose(measured(x, z, fold).value, linear(x, z, fold).value, atol=0.015)


def test_what_is_not_linear_is_found_by_perceptrons_alone():
    x = normal(1500, 6)
    z = torch.stack([torch.relu(x[:, 0] * x[:, 1]), x[:, 2].abs(), torch.relu(x[:, 3] + x[:, 4]), x[:, 5]], 1)
    fold = folds_of(1500)
    found, straight = measured(x, z, fold).value, linear(x, z, fold).value
    assert (straight[:2] < 0.02).all()
    assert found[0] > 0.5
    assert found[1] > 0.9
    assert 0.5 < straight[2] < 0.8
    assert found[2] > 0.95
    assert found[3] > 0.99


@pytest.mark.parametrize(("n", "d"), [(600, 20), (80, 200)])
def test_noise_is_not_decodable_though_it_is_learned_by_heart(n, d):
    """A probe that saw the fold on which it is scored would tell nearly all of it, with more units than images."""
    x, z, fold = normal(n, d), torch.relu(normal(n, 40, seed=1)), folds_of(n)
    value = measured(x, z, fold).value
    assert -0.1 < value.mean() < 0.01
    assert value.max() < 0.25


def test_codes_shuffled_over_images_are_not_decodable():
    x = normal(600, 10)
    z = torch.relu(x @ normal(10, 30, seed=1))
    fold = folds_of(600)
    assert measured(x, z, fold).value.min() > 0.7
    shuffled = z[torch.randperm(600, generator=torch.Generator().manual_seed(0))]
    assert -0.05 < measured(x, shuffled, fold).value.mean() < 0.01


def test_what_predicts_a_fold_does_not_depend_on_its_codes():
    """Σ(z + c − p)² over the images of a fold has the second difference 2n in c only if p does not follow c."""
    x = normal(300, 6)
    z, fold = torch.relu(x @ normal(6, 3, seed=1)), folds_of(300, 3)
    less, same, more = (measured(x, z + shift * (fold == 2)[:, None], fold).sse[2] for shift in (-10.0, 0.0, 10.0))
    np.testing.assert_allclose(less + more - 2 * same, 2 * 100 * 10.0**2, rtol=1e-4)


def test_the_value_is_that_of_its_errors_and_sst_is_that_of_linear_probes():
    x = normal(200, 6)
    z, fold = torch.relu(x @ normal(6, 3, seed=1)), folds_of(200)
    found, straight = measured(x, z, fold), linear(x, z, fold)
    torch.testing.assert_close(found.value, 1 - found.sse.sum(0) / found.sst.sum(0))
    torch.testing.assert_close(found.sst, straight.sst, rtol=1e-5, atol=1e-5)
    assert found.sse.shape == (5, 3)
    assert found.penalty is None


def test_the_same_seed_gives_the_same_bits_and_another_one_others():
    x = normal(200, 6)
    z, fold = torch.relu(x @ normal(6, 3, seed=1)), folds_of(200)
    first, again, other = (measured(x, z, fold, seed=seed).sse for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_constant_code_has_no_v_information_and_harms_no_other():
    x = normal(300, 6)
    z, fold = torch.relu(x @ normal(6, 3, seed=1)), folds_of(300)
    constant = torch.column_stack([torch.full((300,), 0.3), z, torch.zeros(300)])
    found = measured(x, constant, fold).value
    assert found.isnan().tolist() == [True, False, False, False, True]
    assert found[1:4].min() > 0.8


def test_a_code_that_is_constant_on_the_fit_folds_only_is_not_decodable():
    x, fold = normal(300, 6), folds_of(300)
    z = torch.where((fold == 1) & (x[:, 0] > 0), x[:, 0], 0.0)[:, None]
    value = measured(x, z, fold).value
    assert torch.isfinite(value).all()
    assert value.item() < 0.1


def test_units_that_are_constant_or_die_outside_a_fold_change_nothing():
    x = normal(300, 6)
    z, fold = torch.relu(x @ normal(6, 3, seed=1)), folds_of(300)
    dead = torch.column_stack([x + 1000, torch.full((300,), 7.3), torch.zeros(300)])
    torch.testing.assert_close(measured(dead, z, fold).value, measured(x, z, fold).value, rtol=0, atol=0.05)
    assert measured(torch.full((300, 4), 0.1), z, fold).value.abs().max() < 0.05


@pytest.mark.parametrize("size", [1e-4, 1e4])
def test_the_units_of_activations_and_codes_do_not_matter(size):
    x = normal(300, 6)
    z, fold = torch.relu(x @ normal(6, 3, seed=1)), folds_of(300)
    expected = measured(x, z, fold).value
    torch.testing.assert_close(measured(size * x, z, fold).value, expected, rtol=0, atol=5e-3)
    torch.testing.assert_close(measured(x, size * z, fold).value, expected, rtol=0, atol=5e-3)


def test_generalised_cross_validation_is_its_definition_on_the_fitted_images():
    n, d = 60, 8
    x, fold = normal(n, d).double(), folds_of(n)
    z = x @ normal(d, 4, seed=1).double() + torch.tensor([0.1, 1.0, 5.0, 50.0]) * normal(n, 4, seed=2)
    penalties = [1e-4, 1e-2, 1.0, 100.0]
    m = Moments.of(x, z, fold=fold, folds=5)
    weights, mean_x, mean_z = ridge.Ridge(m, (1, 3), dtype=torch.float64).by_generalised_cv(m, penalties)
    fit = ((fold != 1) & (fold != 3)).numpy()
    xf, zf = x.numpy()[fit], z.numpy()[fit]
    np.testing.assert_allclose(m.origin_x + mean_x, xf.mean(0))
    np.testing.assert_allclose(m.origin_z + mean_z, zf.mean(0))
    centred = xf - xf.mean(0)
    fits, scores = [], []
    for p in penalties:
        alpha = p * np.square(centred).sum() / d
        hat = centred @ np.linalg.solve(centred.T @ centred + alpha * np.eye(d), centred.T) + 1 / len(xf)
        fits.append(Ridge(alpha=alpha).fit(xf, zf).coef_.T)
        scores.append(np.square(zf - hat @ zf).sum(0) / (1 - np.trace(hat) / len(xf)) ** 2)
    best = np.argmin(scores, axis=0)
    assert len(set(best)) > 1
    np.testing.assert_allclose(weights, np.stack([fits[b][:, i] for i, b in enumerate(best)], 1), rtol=1e-6)


def codes_of(walk):
    return {"own": walk.codes}


def layers_of(walk):
    return {name: walk.activations[name] for name in ("stem", "penultimate")}


def test_results_are_written_by_layer_and_read_like_those_of_linear_probes(walk, tmp_path):
    output = tmp_path / "vinfo.h5"
    probe_layers(layers_of(walk), codes_of(walk), family="mlp", output=output, folds=3, mlp=MLP, seed=0, memory_mb=256)
    asked = ["stem", "penultimate"]
    found, cka = (read_vinfo([output], asked, features="own", name=name) for name in ("vinfo", "cka"))
    linear_cka = read_vinfo([walk.vinfo], asked, features="epoch-002", name="cka")
    np.testing.assert_allclose(cka, linear_cka, atol=1e-5)
    assert found.shape == linear_cka.shape
    with store.Shard(output, kind="vinfo", family="mlp", settings={"mlp": MLP.model_dump()}) as shard:
        for i, layer in enumerate(asked):
            sse, sst = shard.read(f"own/{layer}/sse"), shard.read(f"own/{layer}/sst")
            known = ~np.isnan(found[i])
            np.testing.assert_allclose(found[i][known], (1 - sse.sum(0) / sst.sum(0))[known])


def test_results_of_two_shards_are_those_of_all_their_images(walk, tmp_path):
    output = tmp_path / "vinfo.h5"
    probe_layers(
        {"stem": walk.activations["stem"]},
        codes_of(walk),
        family="mlp",
        output=output,
        folds=3,
        mlp=MLP,
        seed=7,
        memory_mb=256,
    )
    x, z, fold = [], [], []
    for activations, codes in zip(walk.activations["stem"], walk.codes, strict=True):
        x.append(store.read(activations)[0]["activations"])
        content, about = store.read(codes)
        z.append(content["codes"])
        fold.append(fold_of(len(z[-1]), 3, seed=7, shard=about["images"]))
    x, z, fold = (torch.from_numpy(np.concatenate(parts)) for parts in (x, z, fold))
    expected = measured(x, z, fold, MLP, 7).sse
    np.testing.assert_allclose(store.read(output)[0]["own/stem/sse"], expected, rtol=1e-4)


def test_more_folds_than_the_images_allow_are_told(walk, tmp_path):
    layers, codes = {"stem": walk.activations["stem"][1:]}, {"own": walk.codes[1:]}
    with pytest.raises(StrataError, match=r"probes\.folds: 20 folds leave fewer than 2 images"):
        probe_layers(
            layers, codes, family="mlp", output=tmp_path / "vinfo.h5", folds=20, mlp=MLP, seed=0, memory_mb=256
        )


def test_too_little_memory_is_told(walk, tmp_path):
    with pytest.raises(StrataError, match=r"probes\.memory_mb: 0 is too little for .* 4 units.*at least 1$"):
        probe_layers(
            {"stem": walk.activations["stem"]},
            codes_of(walk),
            family="mlp",
            output=tmp_path / "vinfo.h5",
            folds=3,
            mlp=MLP,
            seed=0,
            memory_mb=0,
        )
    assert not (tmp_path / "vinfo.h5").exists()
