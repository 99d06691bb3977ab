"""Importance: gradient × input of every feature."""

import numpy as np
import pandas as pd
import pytest
import torch

from strata import store
from strata.errors import StrataError
from strata.measures.importance import importance, importance_of_checkpoint, most_important
from strata.networks.build import build
from strata.networks.checkpoints import load


def importances(walk, **changes):
    arguments = {
        "dictionary": walk.dictionary,
        "codes": walk.codes,
        "images": walk.images,
    }
    found = importance_of_checkpoint(**arguments | changes)
    assert list(found) == ["importance"]
    table = found["importance"]
    return {target: own.reset_index(drop=True) for target, own in table.groupby("target")}


def test_importance_is_gradient_times_input_by_autograd():
    rng = np.random.default_rng(0)
    d, w, b = rng.random((6, 9)), rng.normal(size=(4, 9)), rng.normal(size=4)
    codes = rng.random((20, 6)) * (rng.random((20, 6)) < 0.7)
    classes = (codes @ d @ w.T + b).argmax(1)
    z = torch.from_numpy(codes).requires_grad_()
    y = z @ torch.from_numpy(d) @ torch.from_numpy(w).T + torch.from_numpy(b)
    y.gather(1, torch.from_numpy(classes)[:, None]).sum().backward()
    product = (z.grad * z).detach().numpy()
    absolute, signed = importance(codes, d @ w.T, classes=classes)
    np.testing.assert_allclose(absolute, np.abs(product).sum(0), rtol=1e-10)
    np.testing.assert_allclose(signed, product.sum(0), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("target", ["predicted", "label", "all"])
def test_importance_of_a_checkpoint_is_gradient_times_input_by_autograd(walk, target):
    network = build(walk.model, 3)
    load(walk.checkpoint, network)
    d = torch.from_numpy(store.read(walk.dictionary)[0]["dictionary"]).float()
    products = []
    for codes, activations, images in zip(walk.codes, walk.activations["penultimate"], walk.images, strict=True):
        z = torch.from_numpy(store.read(codes)[0]["codes"]).requires_grad_()
        predicted = network.head(torch.from_numpy(store.read(activations)[0]["activations"])).argmax(1)
        labels = torch.from_numpy(store.read(images)[0]["labels"]).long()
        for c in range(3):
            wanted = {"predicted": predicted == c, "label": labels == c, "all": torch.ones(len(z), dtype=bool)}[target]
            (gradient,) = torch.autograd.grad(network.head(z @ d)[:, c].sum(), z)
            products.append((gradient * z)[wanted].detach())
    product = torch.cat(products).double().numpy()
    table = importances(walk)[target]
    assert list(table["feature"]) == list(range(6))
    np.testing.assert_allclose(table["importance"], np.abs(product).mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(table["signed_importance"], product.mean(0), rtol=1e-4, atol=1e-6)


def test_importance_of_codes_that_belong_to_other_images_or_features_is_refused(walk, tmp_path):
    with pytest.raises(StrataError, match="its images is"):
        importances(walk, codes=walk.codes[::-1])
    arrays, about = store.read(walk.dictionary)
    store.write(tmp_path / "other.h5", arrays | {"dictionary": arrays["dictionary"][::-1]}, **about)
    with pytest.raises(StrataError, match="its features is"):
        importances(walk, dictionary=tmp_path / "other.h5")


@pytest.mark.parametrize(("n", "share", "count"), [(100, 0.01, 5), (1000, 0.01, 10), (1000, 0.0101, 11), (3, 0.01, 3)])
def test_the_most_important_features_are_a_share_but_at_least_five(n, share, count):
    table = pd.DataFrame({"importance": np.random.default_rng(0).permutation(n)})
    top = most_important(table, share)
    assert sorted(top["importance"]) == list(range(n - count, n))
