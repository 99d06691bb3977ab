"""Complexity under two predictive families: the table and the figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from strata.figures.families import families
from strata.measures import measurements
from strata.measures.complexity import complexity_by_family

LAYERS = ["stem", "block-01"]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def by_family(noise, n=80, seeds=(0,)):
    """Return the table of features whose complexity differs between families by so much noise."""
    rng = np.random.default_rng(0)
    tables = []
    for seed in seeds:
        linear = {layer: rng.random(n) for layer in LAYERS}
        mlp = {layer: np.clip(values + noise * rng.normal(size=n), 0, 1) for layer, values in linear.items()}
        linear["penultimate"] = mlp["penultimate"] = np.ones(n)
        tables.append(measurements.by_family({"linear": linear, "mlp": mlp}, LAYERS, seed=seed))
    return pd.concat(tables)


def test_the_table_has_a_row_a_family_and_feature():
    linear = {"stem": np.array([0.5, np.nan]), "penultimate": np.array([1.0, np.nan])}
    mlp = {"stem": np.array([0.7, np.nan]), "penultimate": np.array([1.0, np.nan])}
    table = measurements.by_family({"linear": linear, "mlp": mlp}, ["stem"], seed=3)
    assert list(table) == ["seed", "family", "feature", "complexity", "vinfo_stem", "vinfo_penultimate"]
    assert list(table["family"]) == ["linear", "linear", "mlp", "mlp"]
    np.testing.assert_allclose(table["complexity"], [0.5, np.nan, 0.3, np.nan])
    pairs = complexity_by_family(table)
    assert list(pairs) == ["seed", "feature", "complexity_linear", "complexity_mlp"]
    np.testing.assert_allclose(pairs, [[3, 0, 0.5, 0.3]])


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_the_figure_names_the_features_that_move_most(settings, seeds):
    table = by_family(0.1, seeds=seeds)
    features = pd.DataFrame([{"seed": s, "feature": i, "class": f"c{i % 7}"} for s in seeds for i in range(80)])
    figure, shown = families(table, features, settings=settings)
    figure.canvas.draw()
    assert len(shown) == 80 * len(seeds)
    ranks = shown[["complexity_linear", "complexity_mlp"]].rank()
    np.testing.assert_allclose(shown["ranks_moved"], ranks["complexity_mlp"] - ranks["complexity_linear"])
    farthest = shown.loc[shown["ranks_moved"].abs().idxmax()]
    names = [text.get_text() for text in figure.axes[0].texts]
    assert any(name.startswith(f"class {farthest['class']}, #{farthest['feature']}") for name in names)
    assert all(("seed" in name) == (len(seeds) > 1) for name in names)
    tops = [line.get_ydata() for line in figure.axes[1].lines]
    means = table.groupby("family")[["vinfo_stem", "vinfo_block-01", "vinfo_penultimate"]].mean()
    np.testing.assert_allclose(tops, means.loc[["mlp", "linear"]], rtol=1e-6)


def test_the_figure_is_drawn_with_missing_features_and_few_of_them(settings):
    table = by_family(0.1, n=4)
    table.loc[table["feature"] == 2, ["complexity", "vinfo_stem"]] = np.nan
    figure, shown = families(table, pd.DataFrame({"seed": 0, "feature": range(4), "class": "a"}), settings=settings)
    figure.canvas.draw()
    assert list(shown["feature"]) == [0, 1, 3]
