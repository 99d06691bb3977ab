"""The figures of a comparison, and all that is written of one."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from finished_runs import features, finding, pixels, write_run
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

import strata
from strata import tables
from strata.comparison import figures
from strata.comparison.compare import compare
from strata.comparison.scorecard import about, scorecard
from strata.config.keys import Questions
from strata.figures.parts import VERDICTS

NULL = {"null": "random directions", "value": 0.2, "difference": 0.1, "ci_low": 0.0, "ci_high": 0.2, "p_value": 0.1}
LEFT = {"given": "all of these", "value": 0.3, "ci_low": 0.2, "ci_high": 0.4, "n": 20, "verdict": "undecided"}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def folders(tmp_path):
    one = [
        finding("q2.emergence", 0.7, given=[LEFT], nulls=[NULL | {"beaten": True}]),
        finding("q4.support", -2.0, "not supported", statistic="loss", nulls=[NULL | {"beaten": False}]),
    ]
    other = [finding("q2.emergence", 0.4, "undecided"), finding("q4.sedimentation", float("nan"), "undecided")]
    third = features(10, "xyz", seed=2)
    third.loc[:3, "relative_complexity"] = np.nan
    return {
        "one": write_run(tmp_path / "one", one, features()),
        "other": write_run(tmp_path / "other", other, features(3, "abc", layers=("a", "b", "c"), seed=1)),
        "third": write_run(tmp_path / "third", [], third, accuracy=np.nan),
    }


def texts(figure):
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def test_the_scorecard_has_a_cell_of_its_verdicts_colour_for_every_claim_and_run(folders):
    runs = {name: strata.load(folder) for name, folder in folders.items()}
    score, told = scorecard(runs), about(runs)
    figure = figures.scorecard(score, told)
    figure.canvas.draw()
    (ax,) = figure.axes
    cells = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    found = {(int(c.get_y()), int(c.get_x())): to_rgb(c.get_facecolor()[:3]) for c in cells}
    claims = list(dict.fromkeys(score["id"]))
    assert claims == ["q2.emergence", "q4.support", "q4.sedimentation"]
    for row in score.to_dict("records"):
        place = (2 - claims.index(row["id"]), list(runs).index(row["run"]))
        colour = VERDICTS[row["verdict"]] if row["verdict"] else figures._MISSING
        assert found[place] == pytest.approx(to_rgb(colour)), row["id"]
    said = texts(figure)
    assert said.count("–") == (score["verdict"] == "").sum() == 5
    assert "✓ +0.70 [+0.60, +0.80]" in said
    assert "✗ −2.00 [−2.10, −1.90]" in said
    assert "? not defined" in said
    squares = {
        tuple(line.get_ydata()): line.get_mfc()
        for line in ax.lines
        if line.get_marker() == "s" and len(line.get_xdata())
    }
    assert {int(y): colour for (y,), colour in squares.items()} == {2: "black", 1: "white"}
    diamonds = [line for line in ax.lines if line.get_marker() == "D" and len(line.get_xdata()) == 1]
    assert [line.get_color() for line in diamonds] == [VERDICTS["undecided"]]
    header = [label.get_text() for label in ax.get_xticklabels()]
    assert header[0] == "one\n10 features of 2 classes\n2 layers, accuracy 0.90"
    assert header[2].endswith("accuracy unknown")


def test_marks_stand_where_their_values_are(folders):
    """A correlation's cell runs from −1 to 1; another's from 0 to what is farthest from it in its row."""
    runs = {name: strata.load(folder) for name, folder in folders.items()}
    figure = figures.scorecard(scorecard(runs), about(runs))
    (ax,) = figure.axes
    raw = [line for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata()) == 1]
    x = {int(line.get_ydata()[0]): [] for line in raw}
    for line in raw:
        x[int(line.get_ydata()[0])].append(line.get_xdata()[0])
    first, second = x[2]
    assert first == pytest.approx(0.06 + 0.8 * (0.7 + 1) / 2)
    assert second == pytest.approx(1 + 0.06 + 0.8 * (0.4 + 1) / 2)
    assert x[1] == pytest.approx([0.06 + 0.8 * (-2 + 2.1) / 2.1])


def test_spectra_count_every_feature_and_say_what_is_missing(folders):
    own = pd.concat(tables.read(folder / "features.csv").assign(run=name) for name, folder in folders.items())
    own.loc[own["run"] == "one", "relative_complexity"] = np.nan
    figure = figures.spectra(own)
    figure.canvas.draw()
    told, relative = ([text.get_text() for text in ax.texts] for ax in figure.axes)
    for name, text in zip(folders, told, strict=True):
        k = own.loc[own["run"] == name, "complexity"]
        low, high = np.quantile(k, [0.1, 0.9])
        assert text == f"n = {len(k)}; median {k.median():.2f}, 10th to 90th percentile {high - low:.2f} wide"
    assert relative[0] == "–"
    assert relative[2].startswith("n = 26, 4 missing; ")


def test_where_nothing_is_matched_the_figure_says_why():
    figure = figures.matched(pd.DataFrame(), pd.DataFrame(), unmatched=["one, other: no images in common"])
    (text,) = texts(figure)
    assert text.splitlines() == ["No two of these runs could be matched.", "one, other: no images in common"]


def test_a_comparison_writes_tables_page_and_figures(folders, tmp_path):
    output = tmp_path / "comparisons" / "mine"
    compare(folders, output, settings=Questions(), dpi=50)
    assert sorted(path.name for path in output.rglob("*.*")) == sorted(
        [
            *(
                f"{name}.{kind}"
                for name in ("scorecard", "spectra", "matched")
                for kind in ("csv", "svg", "pdf", "png")
            ),
            "scorecard.md",
        ]
    )
    assert len(tables.read(output / "scorecard.csv")) == 9
    assert tables.read(output / "spectra.csv")["run"].value_counts().to_dict() == {"one": 10, "other": 9, "third": 30}
    assert tables.read(output / "matched.csv").empty
    page = (output / "scorecard.md").read_text()
    assert page.startswith("# Do the conclusions travel? Comparison mine\n")
    assert "- images and codes are gone from one of the two: one and other; one and third; other and third" in page


def test_two_runs_of_the_same_images_are_drawn_against_each_other(tmp_path):
    rng = np.random.default_rng(0)
    codes, ids = rng.gamma(0.5, size=(120, 50)).astype(np.float32), [f"i{i}" for i in range(120)]
    given = {"images": pixels(120), "ids": ids, "codes": codes}
    folders = {
        name: write_run(tmp_path / name, [finding("q1.spectrum")], features(5, "abcdefghij", seed=seed), **given)
        for name, seed in (("one", 0), ("other", 1))
    }
    output = tmp_path / "out"
    compare(folders, output, settings=Questions(), dpi=50)
    table = tables.read(output / "matched.csv")
    assert len(table) == 50
    assert (table["feature"] == table["other_feature"]).all()
    assert "| one, other | 120    | 50       | 1.00" in (output / "scorecard.md").read_text()
    assert "complexity K in one" in (output / "figures" / "matched.svg").read_text()
