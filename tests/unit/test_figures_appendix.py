import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import Normalize

from strata.claims.numbers import signed
from strata.figures import appendix
from strata.figures.catalogue import FIGURES
from strata.figures.parts import COLOURS

LEVELS = (0.05, 0.2)

SCALE = Normalize(0, 1)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def measured(tables):
    """A maker of features with what the appendix measures, robustness by level, and super-classes."""

    def measured(n=60, seeds=(0,)):
        rng = np.random.default_rng(0)
        features = tables(n=n)["features"]
        k = features["complexity"]
        features = features.assign(
            redundancy=0.8 - 0.5 * k + 0.05 * rng.normal(size=n),
            redundancy_cka=0.9 - 0.3 * k + 0.05 * rng.normal(size=n),
            hoyer=rng.random(n),
            umap_x=rng.normal(size=n) + 10 * (features["class"] == "0"),
            umap_y=rng.normal(size=n),
        )
        by_level = pd.concat(
            pd.DataFrame({"seed": 0, "level": level, "feature": features["feature"], "robustness": 1 - level * 2 * k})
            for level in LEVELS
        )
        features["robustness"] = by_level.groupby("feature")["robustness"].mean()
        features["complexity_extrapolated"] = 0.9 * k
        superclasses = pd.DataFrame({"class": ["0", "1", "2"], "superclass": ["round", "straight", "straight"]})
        both = [pd.concat(table.assign(seed=seed) for seed in seeds) for table in (features, by_level)]
        return *both, superclasses

    return measured


NAMES = [name for name, figure in FIGURES.items() if figure.function.startswith("strata.figures.appendix:")]


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_of_the_appendix_is_drawn_with_missing_and_few_features(name, measured, settings):
    features, by_level, superclasses = measured(n=6)
    for column in ("complexity", "redundancy", "redundancy_cka", "robustness", "hoyer"):
        features.loc[features["feature"] == 2, column] = np.nan
    by_level.loc[by_level["feature"] == 2, "robustness"] = np.nan
    grown = [
        features[["seed", "feature", "complexity", "relative_complexity"]].assign(images=n)
        for n in (100, 200, 400, 800)
    ]
    given = {
        "features": features,
        "robustness": by_level,
        "superclasses": superclasses,
        "extrapolation": pd.concat(grown),
        "scale": SCALE,
    }
    figure, table = FIGURES[name].drawn(given, {"settings": settings})
    figure.canvas.draw()
    assert len(table)
    shown = table.filter(["complexity", "robustness", "spread", "value"])
    assert name in ("a_redundancy", "a_local") or np.isfinite(shown.to_numpy()).all()


def test_redundancy_shows_both_measures_with_their_correlations(measured, settings):
    features, *_ = measured()
    figure, _ = appendix.a_redundancy(features, SCALE, settings=settings)
    for ax, column in zip(figure.axes, ("redundancy", "redundancy_cka"), strict=True):
        r = features["complexity"].corr(features[column], method="spearman")
        assert ax.get_title("right").startswith(f"ρ = {signed(r, 2)} [")
        assert "10 %" in ax.get_ylabel()


def test_robustness_is_shown_by_level_and_decile(measured, settings):
    features, by_level, _ = measured()
    _, table = appendix.a_robustness(features, by_level, scale=SCALE, settings=settings)
    assert len(table) == 2 * 10
    assert set(table["n"]) == {6}
    ranked = features.sort_values("complexity")
    for level, own in table.groupby("level"):
        values = by_level[by_level["level"] == level].set_index("feature")["robustness"]
        np.testing.assert_allclose(own["robustness"], values[ranked["feature"]].to_numpy().reshape(10, 6).mean(1))
        np.testing.assert_allclose(own["complexity"], ranked["complexity"].to_numpy().reshape(10, 6).mean(1))
        r = values.corr(features.set_index("feature")["complexity"])
        np.testing.assert_allclose(own["r"], r)


def test_the_robustness_of_two_seeds_is_matched_by_seed(measured, settings):
    features, by_level, _ = measured(seeds=(0, 1))
    by_level.loc[by_level["seed"] == 1, "robustness"] = 0.0
    _, table = appendix.a_robustness(features, by_level, scale=SCALE, settings=settings)
    assert set(table["n"]) == {12}
    assert table["robustness"].max() < 0.6


def test_superclasses_are_as_spread_and_as_complex_as_their_features(measured, settings):
    features, _, superclasses = measured(seeds=(0, 1))
    figure, table = appendix.a_superclasses(features, superclasses, settings=settings)
    own = features[features["seed"] == 0]
    xy = own[["umap_x", "umap_y"]].to_numpy()
    overall = np.linalg.norm(xy - xy.mean(0), axis=1).mean()
    for row in table.itertuples():
        classes = superclasses[superclasses["superclass"] == row.superclass]["class"]
        members = own["class"].isin(classes).to_numpy()
        centred = xy[members] - xy[members].mean(0)
        assert row.spread == pytest.approx(np.linalg.norm(centred, axis=1).mean() / overall)
        assert row.spread_low <= row.spread <= row.spread_high
        assert row.complexity == pytest.approx(own["complexity"][members].mean())
        assert row.n == members.sum()
    assert set(table["superclass"]) == {"round", "straight"}
    labels = [label.get_text() for label in figure.axes[1].get_yticklabels()]
    assert labels == [f"{row.superclass} ({row.n})" for row in table.itertuples()]


def test_more_superclasses_than_colours_share_grey(measured, settings):
    features, *_ = measured(n=60)
    features["class"] = [f"c{i % 12:02d}" for i in range(60)]
    superclasses = pd.DataFrame({"class": sorted(set(features["class"]))})
    superclasses["superclass"] = "super " + superclasses["class"]
    figure, table = appendix.a_superclasses(features, superclasses, settings=settings)
    figure.canvas.draw()
    assert len(table) == 12
    colours = [tuple(c.get_facecolor()[0]) for c in figure.axes[0].collections]
    assert len(colours) == 12
    assert len(set(colours)) == len(COLOURS) + 1
