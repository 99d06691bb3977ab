import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import Normalize

from strata.figures.parts import WIDTHS
from strata.figures.stability import a_stability

SCALE = Normalize(0, 1)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def features(tables):
    own = tables(n=40)["features"].assign(stability=np.linspace(0.5, 1, 40), stability_codes=np.linspace(-0.2, 1, 40))
    own.loc[3, ["stability", "stability_codes"]] = np.nan
    own.loc[5, "complexity"] = np.nan
    return own


def legends(figure):
    return [t.get_text() for ax in figure.axes if ax.get_legend() for t in ax.get_legend().get_texts()]


def test_the_share_of_stable_features_is_told(features, settings):
    figure, table = a_stability(features, [], scale=SCALE, settings=settings)
    known = features["stability"].dropna()
    directions, codes = legends(figure)
    assert f"{100 * (known >= 0.9).mean():.0f} % ≥ 0.9, median {known.median():.2f}, n = 39" in directions
    assert "codes" in codes
    assert len(figure.axes) == 2
    assert list(table) == ["seed", "feature", "complexity", "stability", "stability_codes"]
    r = features["complexity"].corr(features["stability"], method="spearman")
    assert figure.axes[1].get_title("right").startswith(f"ρ = {r:+.2f} [")
    assert figure.axes[1].get_title("right").endswith("n = 38")


def test_several_seeds_are_shown_by_their_correlations(features, settings):
    both = pd.concat([features, features.assign(seed=1)])
    pairs = pd.DataFrame(
        {"seed": a, "feature": i, "other_seed": b, "match": i, "correlation": (a + 1) * i / 100}
        for a in (0, 1)
        for b in (1, 2)
        for i in range(40)
    )
    pairs.loc[pairs["other_seed"] == 2, "correlation"] += 0.1
    with plt.rc_context({"figure.figsize": (WIDTHS["double"], 3)}):
        figure, table = a_stability(both, pairs, scale=SCALE, settings=settings)
    figure.canvas.draw()
    widths = [ax.get_position().width for ax in figure.axes]
    assert len(widths) == 3
    assert min(widths) > 0.2  # words beside a panel do not take its place
    assert "n = 160" in legends(figure)[2]
    shown = table.set_index(["seed", "feature"])["stability_seeds"]
    assert shown[1, 7] == pytest.approx(0.14 + 0.05)
    assert len(table) == 80


def test_a_run_without_any_stability_is_drawn(features, settings):
    features = features.assign(stability=np.nan, stability_codes=np.nan)
    figure, table = a_stability(features, [], scale=SCALE, settings=settings)
    figure.canvas.draw()
    assert "n = 0" in legends(figure)[0]
    assert len(table) == 40
