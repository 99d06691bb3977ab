"""Sedimentation: the change over epochs of how much more complex the most important features are than the rest."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from strata.claims import testing
from strata.config.keys import Questions

EPOCHS = (1, 2, 4, 8)


def tables(change, *, noise=0.05, n=120):
    """Return tables of a network whose most important tenth changes in complexity, of all epochs together."""
    rng, parts = np.random.default_rng(0), []
    top = np.arange(n) < n // 10
    for epoch in EPOCHS:
        moved = change * (epoch - EPOCHS[0]) / (EPOCHS[-1] - EPOCHS[0])
        k = 0.5 + 0.3 * epoch / 8 + top * moved + noise * rng.normal(size=n)
        importance = np.where(top, 2.0, 1.0) + 0.1 * rng.random(n)
        key = {"seed": 0, "feature": np.arange(n), "class": np.arange(n) % 12, "epoch": epoch}
        parts.append(pd.DataFrame({**key, "complexity": k, "importance": importance, "top": top}))
    features = parts[-1].drop(columns=["epoch", "top"])
    return {"features": features, "by_checkpoint": pd.concat(parts, ignore_index=True)}


def sedimentation(own):
    settings = Questions(top_share=0.1)
    return next(f for f in testing.findings(settings, **own) if f.id == "q4.sedimentation")


def test_the_value_is_the_slope_times_all_epochs_and_the_effect_its_rank_correlation():
    own = tables(-0.2)
    f = sedimentation(own)
    means = own["by_checkpoint"].groupby(["epoch", "top"])["complexity"].mean().unstack()
    excess = means[True] - means[False]
    assert f.value == pytest.approx(stats.linregress(EPOCHS, excess).slope * 7)
    assert f.effect == pytest.approx(stats.spearmanr(EPOCHS, excess).statistic)
    assert (f.n, f.effect_name) == (4, "Spearman ρ")


@pytest.mark.parametrize(("change", "verdict"), [(-0.2, "supported"), (0.0, "undecided"), (0.2, "not supported")])
def test_only_a_fall_beyond_that_of_the_rest_is_sedimentation(change, verdict):
    f = sedimentation(tables(change))
    assert f.alone == verdict
    assert f.ci_low < change < f.ci_high
