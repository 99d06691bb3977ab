import resource
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from known_factors import calibration_with, errors_with, interventions_with
from matplotlib.colors import Normalize
from scipy import stats

from strata import store
from strata.claims import testing
from strata.claims.finding import Finding
from strata.claims.numbers import signed
from strata.config.keys import Activations, Config, Figures, at
from strata.errors import StrataError
from strata.figures import appendix, appendix_map, claims, how_much, what, when, where
from strata.figures.catalogue import FIGURES
from strata.figures.draw import save
from strata.figures.most_activating import scores_of
from strata.figures.parts import VERDICTS, complexity_scale, correlated, mean
from strata.images.shapes import VALUES


def decoding(t):
    k = t["features"]
    return pd.concat(k[["seed", "feature"]].assign(epoch=e, vinfo=1 - k["complexity"] / e) for e in (1, 2, 3))


def targets(t):
    own = t["features"][["seed", "feature", "importance", "signed_importance"]]
    return pd.concat(own.assign(target=target) for target in ("predicted", "label", "all"))


SCALE = Normalize(0, 1)


def support():
    """A curve an order and draw, and the points that are compared, of two groups of images of unlike size."""
    shares = np.linspace(0, 1, 5)
    curves = [("complex first", 0), ("simple first", 0), ("important first", 0), ("random", 0), ("random", 1)]
    points = [("complex half", 0, 0.5), ("random, same importance", 0, 0.7), ("random, same importance", 1, 0.8)]
    tables = [pd.DataFrame({"order": o, "draw": d, "share_kept": shares}) for o, d in curves]
    tables += [pd.DataFrame({"order": o, "draw": d, "share_kept": [share]}) for o, d, share in points]
    table = pd.concat(tables).assign(seed=0)
    table["accuracy"] = table["share_kept"] - table["draw"] / 10
    groups = [table.assign(group=0, n=100), table.assign(group=1, accuracy=table["accuracy"] - 0.4, n=300)]
    return pd.concat(groups).assign(loss=lambda t: 2 - t["accuracy"], margin=0.0)


TREE = pd.DataFrame({"branch": ["", "L", "R", "RL", "RR"], "height": [2.0, 1.0, 1.5, 0, 0.5], "features": 8})


def of_the_appendix(t):
    """Return the features with what the appendix measures of them, and their robustness by noise level."""
    features = t["features"]
    k, rng = features["complexity"], np.random.default_rng(0)
    columns = ("redundancy", "redundancy_cka", "robustness", "hoyer", "stability", "stability_codes")
    features = features.assign(**{column: 0.8 - 0.5 * k + 0.05 * rng.normal(size=len(k)) for column in columns})
    own = features[["seed", "feature"]]
    levels = pd.concat(own.assign(level=level, robustness=1 - level * 2 * k) for level in (0.05, 0.2))
    features["complexity_extrapolated"] = (0.9 * k).where(own["feature"] % 3 > 0)
    grown = pd.concat(
        own.assign(images=n, complexity=k + 10 / n, relative_complexity=(0.8 * k + 5 / n).where(k < 0.7))
        for n in (100, 200, 400, 800)
    )
    return {"features": features, "robustness": levels, "extrapolation": grown}


def by_family(t):
    own = t["features"][["seed", "feature", "complexity", "vinfo_stem", "vinfo_block-01", "vinfo_penultimate"]]
    other = own.assign(family="mlp", complexity=own["complexity"].to_numpy()[::-1])
    return pd.concat([own.assign(family="linear"), other])


def codes_of(count, walk, folder):
    """Write codes of as many features as there are, those of the tiny walk again and again."""
    paths = [folder / f"codes-{count}" / path.name for path in walk.codes]
    for path, wide in zip(walk.codes, paths, strict=True):
        arrays, about = store.read(path, kind="codes")
        z = arrays["codes"]
        store.write(wide, {"codes": np.tile(z, -(-count // z.shape[1]))[:, :count]}, **about)
    return paths


@pytest.fixture
def drawn(settings, walk, tmp_path):
    """What draws a figure of the catalogue from synthetic tables, and from the images and codes of the tiny walk."""
    layers = Activations(layers=["stem", "block-01"])
    config = Config(questions=settings, figures=Figures(examples=4), activations=layers)

    def drawn(name, t, **more):
        given = {
            **t,
            **of_the_appendix(t),
            "by_family": by_family(t),
            "decoding": decoding(t),
            "importance_targets": targets(t),
            "support": support(),
            "tree": TREE,
            "superclasses": pd.DataFrame({"class": ["0", "1", "2"], "superclass": ["round", "straight", "straight"]}),
            "history": walk.history.assign(seed=0),
            "factor_errors": errors_with((0.1, 0.3, 0.5), 0.01),
            "calibration_errors": calibration_with(dict.fromkeys(VALUES, (0.3, 0.6, 0.9)), noise=0.02),
            "interventions": interventions_with((0.9, 0.5, 0.1)),
            "images": walk.images,
            "codes": codes_of(len(t["features"]), walk, tmp_path),
            "decoded": walk.decoded,
            "pictures": [walk.pictures],
            "stability_seeds": [],
            "scale": complexity_scale(t["features"]),
            **more,
        }
        figure = FIGURES[name]
        if "findings" in figure.inputs:
            nulls = {"random directions": t, "another network": t}
            given["findings"] = testing.findings(settings, nulls=nulls, **t)
        return figure.drawn(given, {argument: at(config, path) for argument, path in figure.settings.items()})

    return drawn


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "figures").mkdir()
    return tmp_path


# Classes and super-classes may be called anything.
ODD = ["$x_$ <script>&amp;</script> \\frac{", 'costs $5, _a^, {x} "it\'s"', "-f two\nlines\t\x07 猫 %s `"]


@pytest.fixture
def odd(tables):
    """What a figure is drawn from, of classes of odd names."""
    t = tables(n=40)
    for table in (t["features"], t["by_checkpoint"]):
        table["class"] = [ODD[int(label)] for label in table["class"]]
    return t, {"superclasses": pd.DataFrame({"class": ODD, "superclass": ODD})}


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_written_with_its_numbers_and_plain_names_and_the_same_bytes_again(name, odd, drawn, folder):
    t, more = odd
    save(drawn(name, t, **more), name, folder=folder, dpi=60)
    files = [folder / "figures" / f"{name}.{kind}" for kind in ("svg", "pdf", "png")]
    before = [path.read_bytes() for path in files]
    figure, shown = drawn(name, t, **more)
    save((figure, shown), name, folder=folder, dpi=60)
    assert [path.read_bytes() for path in files] == before
    assert not plt.get_fignums()  # closed

    svg = files[0].read_text()
    assert "</svg>" in svg
    assert "<text" in svg  # letters stay letters
    assert "dc:date" not in svg  # or no two runs would give the same bytes
    assert plt.imread(files[2])[..., :3].std() > 0.01  # not a blank sheet
    numbers = pd.read_csv(folder / "tables" / f"{name}.csv")
    assert len(numbers) == len(shown) > 0

    letters = without_spaces("".join(ElementTree.fromstring(svg).itertext()))
    assert "mathdefault" not in letters  # at ticks, what matplotlib writes as mathematics
    told = {odd for column in {"class", "superclass"} & set(numbers) for odd in numbers[column]}
    assert told <= set(ODD)
    if name in ("q1_spectrum", "q1_plate", "families", "a_superclasses"):
        assert told
        assert [odd for odd in told if without_spaces(odd) not in letters] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_drawn_with_missing_features_and_few_of_them(name, tables, drawn):
    t = tables(n=6, epochs=(0, 1))
    for table in (t[name] for name in t if name != "history"):
        column = {"complexity", "cka", "vinfo"} & set(table)
        table.loc[table["feature"] == 2, list(column)] = np.nan
    figure, table = drawn(name, t)
    figure.canvas.draw()
    assert len(table)


def without_spaces(text):
    """Lines of a figure are broken at spaces."""
    return "".join(letter for letter in text if letter.isprintable() and letter != " ")


def test_a_logarithmic_axis_has_plain_numbers():
    figure, _ = claims.training(pd.DataFrame({"seed": 0, "epoch": [0, 1], "loss": [2.0, 0.02], "accuracy": [0.1, 0.9]}))
    figure.canvas.draw()
    ticks = [label.get_text() for label in figure.axes[0].get_yticklabels(which="both")]
    assert {"0.1", "1"} <= set(ticks)


def test_a_disk_that_refuses_a_figure_is_told_in_one_line(walk, folder):
    training = claims.training(walk.history.assign(seed=0))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, hard))
    try:
        with pytest.raises(StrataError, match=r"training\.svg: could not be written \(File too large\)") as error:
            save(training, "training", folder=folder, dpi=60)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(error.value)
    assert list((folder / "figures").iterdir()) == []


def rank_correlation(table, column):
    return table["complexity"].corr(table[column], method="spearman")


def texts(figure):
    return [text.get_text() for ax in figure.axes for text in [ax.title, *ax.texts, *ax.get_yticklabels()]] + [
        text.get_text() for ax in figure.axes if ax.get_legend() for text in ax.get_legend().get_texts()
    ]


def test_findings_show_every_claim_with_its_interval_in_the_colour_of_its_verdict(tables, settings):
    found = testing.findings(settings, **tables(bias=-0.5))
    figure, table = claims.findings(found)
    ax = figure.axes[0]
    shown = {tuple(line.get_xdata()): line.get_color() for line in ax.lines}
    for f in found:
        assert shown[f.ci_low, f.ci_high] == VERDICTS[f.verdict]
        assert any(f"({f.id})" in " ".join(text.split()) for text in texts(figure))
    assert list(table["id"]) == [f.id for f in found]


def test_findings_show_every_seed_and_the_interval_over_images_where_there_are_any(tables, settings):
    one, other = tables(bias=-0.5), tables(bias=-0.3, seed=4)
    both = {name: pd.concat([one[name], other[name].assign(seed=1)]) for name in one}
    features = both["features"]
    folds = pd.concat(features[["seed", "feature", "complexity"]].assign(fold=fold) for fold in range(3))
    folds["complexity"] += 0.02 * np.random.default_rng(0).normal(size=len(folds))
    found = testing.findings(settings, **both, by_fold=folds)
    figure, table = claims.findings(found)
    shown = {tuple(line.get_xdata()) for line in figure.axes[0].lines}
    for f in found:
        assert tuple(seed["value"] for seed in f.by_seed) in shown
        assert f.images_low is None or (f.images_low, f.images_high) in shown
    assert any(f.images_low is not None for f in found)
    assert list(table["value_seed_1"]) == [f.by_seed[1]["value"] for f in found]
    assert {"one seed", "interval over images"} <= {t.get_text() for t in figure.legends[0].get_texts()}


@pytest.fixture
def with_nulls(tables, settings):
    """Findings of a run, beside one null that shows as much and one that shows nothing; importance owed to ceiling."""
    t = tables(emergence=0.5, shuffled=-0.05)
    features = t["features"]
    noise = np.random.default_rng(0).normal(size=(2, len(features)))
    features["importance"] = features["ceiling"] + 0.1 * noise[0]
    features["complexity"] = 0.8 - 0.5 * features["ceiling"] + 0.02 * noise[1]
    features["temporal_decoding_score"] = features["complexity"] + 0.02 * noise[0]
    return testing.findings(settings, nulls={"as much": t, "nothing": tables(seed=4)}, **t)


def test_every_claim_is_shown_beside_its_nulls(with_nulls):
    figure, table = claims.nulls(with_nulls)
    (ax,) = figure.axes
    shown = [f for f in with_nulls if f.question != "control"]
    assert list(dict.fromkeys(table["id"])) == [f.id for f in with_nulls if f.nulls]
    assert {f.id for f in shown} <= set(table["id"])
    marks = {tuple(np.ravel(line.get_xydata())) for line in ax.lines}
    for f in shown:
        own = table[table["id"] == f.id].set_index("of")
        assert list(own.index) == ["this run", "as much", "nothing"]
        assert own.loc["this run", "value"] == f.value
        assert list(own["value"][1:]) == [null["value"] for null in f.nulls]
        # The row of the claim has its interval; nulls are below it, each with its mark.
        row = next(mark[1] for mark in marks if mark[::2] == (f.ci_low, f.ci_high))
        for place, null in enumerate(f.nulls):
            assert any(mark == pytest.approx((null["value"], row - 0.13 * (place + 1))) for mark in marks)
    emergence = table[table["id"] == "q2.emergence"].set_index("of")["beaten"]
    assert (emergence["as much"], emergence["nothing"]) == (False, True)
    assert {"as much", "nothing"} <= {t.get_text() for t in figure.legends[0].get_texts()}


def test_what_is_left_of_every_correlation_is_shown_with_each_thing_held_fixed(with_nulls):
    figure, table = claims.confounds(with_nulls)
    shown = [f for f in with_nulls if f.given]
    ways = ["ceiling", "firing rate and mean code", "all of these", "relative complexity"]
    ways.append("stable features (cosine ≥ 0.9)")
    assert list(dict.fromkeys(table["given"])) == ["raw", *ways]
    titles = [ax.get_title("left").replace("\n", " ") for ax in figure.axes]
    assert titles == ["raw", *(f"given {way}" for way in ways[:3]), *ways[3:]]
    for f in shown:
        own = table[table["id"] == f.id].set_index("given")
        assert own.loc["raw", "value"] == f.value
        for given in f.given:
            assert tuple(own.loc[given["given"], ["value", "ci_low", "ci_high"]]) == (
                given["value"],
                given["ci_low"],
                given["ci_high"],
            )
    bias = table[table["id"] == "q4.simplicity_bias"].set_index("given")
    assert bias.loc["raw", "verdict"] == "supported"
    assert bias.loc["ceiling", "verdict"] != "supported"
    by_colour = {line.get_color() for line in figure.axes[1].lines}
    assert by_colour >= {VERDICTS[table_verdict] for table_verdict in table[table["given"] == "ceiling"]["verdict"]}
    # Of features at an epoch stability is not known: their row is empty there.
    assert "stable features (cosine ≥ 0.9)" not in table[table["id"] == "q4.simplicity_bias_initial"]["given"].tolist()


def test_findings_are_told_in_a_row_with_nulls_and_what_was_held_fixed(with_nulls):
    _, table = claims.findings(with_nulls)
    row = table.set_index("id").loc["q2.emergence"]
    f = next(f for f in with_nulls if f.id == "q2.emergence")
    assert row["nulls: as much"] == f.nulls[0]["value"]
    assert row["given: ceiling"] == f.given[0]["value"]
    assert row["because"] == "no more than in the null as much"
    other = table.set_index("id").loc["q3.teleport"]
    assert other["because"] == ""


@pytest.mark.parametrize("undefined", [None, float("nan")])
def test_a_finding_that_is_not_defined_is_listed_without_a_point(undefined):
    finding = Finding("q9", "9", "c", "s", undefined, undefined, undefined, undefined, 3, "undecided")
    figure, table = claims.findings([finding])
    figure.canvas.draw()
    assert len(table) == 1
    assert any("(q9)" in text for text in texts(figure))


@pytest.mark.parametrize("undefined", [None, float("nan")])
def test_what_is_not_defined_with_something_held_fixed_is_not_drawn(undefined):
    """As findings.json has it, or as it was computed."""
    finding = Finding("q9", "9", "c", "s", 0.5, 0.4, 0.6, 0.01, 3, "supported", alone="supported")
    given = {"n": 0, "verdict": "undecided"}
    finding.given = [
        {"given": "ceiling", "value": 0.3, "ci_low": 0.1, "ci_high": 0.5, **given},
        {"given": "all of these", "value": undefined, "ci_low": undefined, "ci_high": undefined, **given},
    ]
    figure, table = claims.confounds([finding])
    figure.canvas.draw()
    assert list(table["given"]) == ["raw", "ceiling"]
    assert len(figure.axes) == 3


@pytest.mark.parametrize("examples", [4, 9])
def test_the_spectrum_shows_each_features_most_activating_images(walk, examples):
    ids = [name.decode() for path in walk.images for name in store.read(path)[0]["ids"]]
    images = np.concatenate([store.read(path)[0]["images"] for path in walk.images])
    codes = np.concatenate([store.read(path)[0]["codes"] for path in walk.codes])
    wanted = np.array([4, 1])
    scores = scores_of(walk.codes, lambda z: z[:, wanted])
    pictures, names = what.most_activating(scores, walk.images, codes=walk.codes, count=examples)
    for feature, shown, labels in zip(wanted, pictures, names, strict=True):
        rows = [ids.index(label) for label in labels]
        assert len(set(rows)) == examples
        np.testing.assert_array_equal(codes[rows, feature], np.sort(codes[:, feature])[::-1][:examples])
        np.testing.assert_array_equal(shown, images[rows].transpose(0, 2, 3, 1))


def test_images_of_another_run_are_refused(walk):
    with pytest.raises(StrataError, match="its images is"):
        what.most_activating(scores_of(walk.codes), walk.images[::-1], codes=walk.codes, count=4)


def test_the_spectrum_goes_from_simple_to_complex_with_one_seeds_features(tables, settings, walk):
    features = tables(n=6)["features"]
    both = pd.concat([features, features.assign(seed=1, complexity=0.99)])
    _, table = what.q1_spectrum(both, walk.images, codes=walk.codes, scale=SCALE, examples=4)
    assert list(table["complexity"]) == sorted(features["complexity"])
    assert (table["seed"] == 0).all()
    assert all(len(names.split()) == 4 for names in table["images"])


def test_growth_shows_the_mean_and_its_interval_of_all_and_of_the_most_important(tables, settings):
    t = tables(growth=0.3)["by_checkpoint"]
    _, table = when.q2_growth(t, settings)
    assert len(table) == 4 * 2
    for epoch, own in t.groupby("epoch"):
        shown = table[table["epoch"] == epoch].set_index("group")
        assert shown.loc["all features", "complexity"] == pytest.approx(own["complexity"].mean())
        top = own.nlargest(5, "importance")["complexity"].mean()
        assert shown.loc["most important", "complexity"] == pytest.approx(top)
        assert list(shown["n"]) == [120, 5]
    assert (table["ci_low"] <= table["complexity"]).all()
    assert (table["complexity"] <= table["ci_high"]).all()


def test_flow_shows_the_cka_of_every_decile_of_complexity(tables, settings):
    t = tables(teleport=-0.5)
    _, table = where.q3_flow(t["features"], t["branch_cka"], scale=SCALE, settings=settings)
    assert len(table) == 10 * 2 * 2
    ranked = t["features"].sort_values("complexity")["feature"].to_numpy().reshape(10, 12)
    for row in table.itertuples():
        own = t["branch_cka"]
        own = own[(own["layer"] == f"block-{row.block:02d}-{row.branch}") & own["feature"].isin(ranked[row.decile])]
        assert row.cka == pytest.approx(own["cka"].mean())
        assert row.n == 12


def test_deciles_are_followed_over_the_epochs(tables, settings):
    t = tables()
    _, table = when.q2_deciles(t["features"], decoding(t), scale=SCALE, settings=settings)
    assert len(table) == 10 * 3
    simplest = t["features"].nsmallest(12, "complexity")["complexity"].mean()
    own = table[table["decile"] == 0].set_index("epoch")["vinfo"]
    assert own[2] == pytest.approx(1 - simplest / 2)


def test_sedimentation_shows_the_first_layers_of_all_and_of_the_most_important(tables, settings):
    t = tables()["by_checkpoint"]
    figure, table = when.q2_sedimentation(t, ["stem", "block-01"], settings=settings)
    for epoch, own in t.groupby("epoch"):
        shown = table[table["epoch"] == epoch].set_index("group")["decodable_from"]
        assert shown["all features"] == pytest.approx(own["decodable_from"].mean())
        assert shown["most important"] == pytest.approx(own.nlargest(5, "importance")["decodable_from"].mean())
    shares = figure.axes[0].collections[0].get_array()
    assert (shares[-1] == 1).all()  # by the last layer, all are decodable


def test_teleport_shows_the_skip_share_and_the_arrival_of_both_branches(tables, settings):
    t = tables(teleport=-0.5)
    figure, table = where.q3_teleport(t["features"], t["branch_cka"], scale=SCALE, settings=settings)
    left, right = figure.axes
    wide = t["branch_cka"].pivot(index="feature", columns="layer", values="cka")
    skip = wide[["block-01-skip", "block-02-skip"]].sum(axis=1)
    np.testing.assert_allclose(table["skip_share"], skip / wide.sum(axis=1))
    np.testing.assert_allclose(left.collections[0].get_offsets(), table[["complexity", "skip_share"]])
    for points, branch in zip(right.collections, ("skip", "main"), strict=True):
        x, y = points.get_offsets().T
        np.testing.assert_allclose(x, table["complexity"])
        assert np.abs(y - table[f"arrival_{branch}"]).max() <= 0.3  # moved a little
    r = [rank_correlation(table, y) for y in ("skip_share", "arrival_skip", "arrival_main")]
    assert left.get_title("right").startswith(f"ρ = {signed(r[0], 2)} [")
    both = [text.get_text().split(" [")[0] for text in right.get_legend().get_texts()]
    assert both == [f"skip branch: ρ = {signed(r[1], 2)}", f"main branch: ρ = {signed(r[2], 2)}"]


def test_inhibiting_features_are_ringed(tables, settings):
    figure, table = how_much.q4_importance(tables(bias=-0.5)["by_checkpoint"], SCALE, settings=settings)
    for ax, epoch in zip(figure.axes, (1, 3), strict=True):
        own = table[(table["epoch"] == epoch) & (table["signed_importance"] < 0)]
        assert len(ax.collections[-1].get_offsets()) == len(own)


def test_support_shows_means_over_images_and_their_intervals_over_groups_of_them(settings):
    figure, table = how_much.q4_support(support(), settings)
    shown = table.set_index(["measure", "order", "share_kept"])
    own = shown.loc["accuracy", "random", 1.0]  # 1 and 0.9 in the first quarter of the images, 0.4 less in the rest
    assert tuple(own[["mean", "draws"]]) == pytest.approx((0.65, 2))
    for order in ("random", "simple first", "complex half"):
        low, mean, high = shown.loc["accuracy", order].iloc[0][["ci_low", "mean", "ci_high"]]
        assert low < mean < high
    assert shown.loc["loss", "complex half", 0.5]["mean"] == pytest.approx(2 - 0.2)
    compared = shown.loc["loss", "random, same importance"]
    assert compared.index.tolist() == pytest.approx([0.75])
    assert tuple(compared.iloc[0][["draws", "mean"]]) == pytest.approx((2, 1.6))
    assert [ax.get_ylabel() for ax in figure.axes] == ["accuracy (n = 400 test images)", "cross-entropy (nats)"]
    # Bands over few networks may reach so far that the curves could not be seen beside them.
    assert figure.axes[1].get_ylim() == pytest.approx((0, 1.25 * shown.loc["loss"]["mean"].max()))


def test_losses_have_their_intervals_on_a_logarithmic_scale_over_images_or_over_several_networks(settings):
    own = pd.DataFrame({"share_kept": 1.0, "seed": 0, "group": np.arange(20), "draw": 0, "n": 10})
    own["loss"] = np.random.default_rng(0).lognormal(-3, 2, size=20)
    one = pd.concat(own.assign(order=o, accuracy=0.9) for o in ("complex half", "random, same importance"))
    told = how_much._over_groups(one, settings).set_index(["measure", "order"]).loc[("loss", "complex half")]
    without = np.log([own["loss"].drop(i).mean() for i in range(20)])
    half = stats.t.ppf(0.975, 19 / 4) * np.sqrt(19 / 20 * ((without - without.mean()) ** 2).sum())
    centre = np.log(own["loss"].mean())
    expected = np.exp([centre - half, centre, centre + half])
    assert told[["ci_low", "mean", "ci_high"]].tolist() == pytest.approx(expected.tolist())
    several = pd.concat(one.assign(seed=seed, loss=one["loss"] * (1 + seed)) for seed in range(3))
    told = how_much._over_groups(several, settings).set_index(["measure", "order"]).loc[("loss", "complex half")]
    means = own["loss"].mean() * np.arange(1, 4)
    without = np.log([np.delete(means, i).mean() for i in range(3)])
    half = stats.t.ppf(0.975, 2) * np.sqrt(2 / 3 * ((without - without.mean()) ** 2).sum())
    expected = means.mean() * np.exp([-half, 0, half])
    assert told[["ci_low", "mean", "ci_high"]].tolist() == pytest.approx(expected.tolist())


def test_importance_is_shown_at_the_first_and_the_last_trained_epoch(tables, settings):
    figure, table = how_much.q4_importance(tables(bias=-0.5)["by_checkpoint"], SCALE, settings=settings)
    assert set(table["epoch"]) == {1, 3}
    assert [ax.get_title("left").strip() for ax in figure.axes[:2]] == ["first epoch (1)", "last epoch (3)"]
    assert all("n = 120" in ax.get_title("right") for ax in figure.axes[:2])


def test_extrapolation_shows_the_features_that_can_be_trusted_beside_the_others(tables, settings):
    given = of_the_appendix(tables(n=120))
    features = given["features"]
    figure, table = appendix.q1_extrapolation(features, given["extrapolation"], scale=SCALE, settings=settings)
    trusted = features[features["feature"] % 3 > 0]
    assert [ax.get_title("left") for ax in figure.axes[:2]] == [
        f"complexity K, {len(trusted)} features of 120",
        f"relative complexity, {(features['complexity'] < 0.7).sum()} features of 120",
    ]
    simplest = features.nsmallest(12, "complexity").merge(trusted)["complexity"].mean()
    own = table[(table["measure"] == "complexity") & (table["decile"] == 0)].set_index("images")["value"]
    assert own.to_dict() == pytest.approx(
        {n: simplest + 10 / n for n in (100, 200, 400, 800)} | {np.inf: 0.9 * simplest}
    )
    (grey,) = [line for line in figure.axes[0].lines if line.get_linestyle() == "--"]
    mean = features[features["feature"] % 3 == 0]["complexity"].mean()
    assert grey.get_ydata() == pytest.approx([mean + 10 / n for n in (100, 200, 400, 800)])
    assert grey.get_xdata() == pytest.approx([8, 4, 2, 1])
    nothing = features.assign(complexity_extrapolated=np.nan)
    _, table = appendix.q1_extrapolation(nothing, given["extrapolation"], scale=SCALE, settings=settings)
    assert set(table["measure"]) == {"relative_complexity"}


def test_means_and_correlations_are_over_classes_of_one_network_and_over_networks_of_several(settings):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"class": [f"c{i % 10}" for i in range(60)], "x": rng.normal(size=60), "y": rng.normal(size=60)}
    )
    by_class = [table[table["class"] != name] for name in table["class"].unique()]
    half = stats.t.ppf(0.975, 9 / 2) * np.sqrt(
        9 / 10 * sum((own["x"].mean() - table["x"].mean()) ** 2 for own in by_class)
    )
    told = mean(table, "x", settings=settings)
    assert told["n"] == 60
    expected = (table["x"].mean(), table["x"].mean() - half, table["x"].mean() + half)
    assert (told["x"], told["ci_low"], told["ci_high"]) == pytest.approx(expected)
    seeds = pd.concat(
        [table.assign(seed=i, x=table["x"] + i * (i + 1), y=table["y"] + i * table["x"]) for i in range(3)]
    )
    means = seeds.groupby("seed")["x"].mean()
    told = mean(seeds, "x", settings=settings)
    low, high = stats.t.interval(0.95, 2, means.mean(), stats.sem(means))
    assert (told["x"], told["ci_low"], told["ci_high"]) == pytest.approx((means.mean(), low, high))
    z = [np.arctanh(own["x"].corr(own["y"], method="spearman")) for _, own in seeds.groupby("seed")]
    e = correlated(seeds, x="x", y="y", settings=settings)
    low, high = stats.t.interval(0.95, 2, np.mean(z), stats.sem(z))
    assert (e.value, e.low, e.high) == pytest.approx(tuple(np.tanh([np.mean(z), low, high])))


def test_without_classes_values_are_left_out_one_by_one(settings):
    table = pd.DataFrame({"x": [1.0, 2.0, 4.0, np.nan, 8.0]})
    told, values = mean(table, "x", settings=settings), table["x"].dropna()
    low, high = stats.t.interval(0.95, 3 / 2, values.mean(), stats.sem(values))  # the jackknife of a mean
    assert (told["n"], told["ci_low"], told["ci_high"]) == pytest.approx((4, low, high))


def test_one_value_has_a_mean_without_an_interval_and_none_has_neither(settings):
    one = pd.DataFrame({"class": ["a"], "x": [3.0]})
    told = mean(one, "x", settings=settings)
    assert (told["n"], told["x"]) == (1, 3.0)
    assert np.isnan([told["ci_low"], told["ci_high"]]).all()
    told = mean(one[:0], "x", settings=settings)
    assert told["n"] == 0
    assert np.isnan([told["x"], told["ci_low"], told["ci_high"]]).all()
    assert np.isnan(correlated(one.assign(y=1.0, seed=0)[:0], x="x", y="y", settings=settings).value)


def test_scatters_say_the_correlation_with_its_interval(tables, settings):
    t = tables(emergence=0.5)
    figure, table = when.q2_emergence(t["features"], SCALE, settings=settings)
    title = figure.axes[0].get_title("right")
    r = rank_correlation(table, "temporal_decoding_score")
    assert title.startswith(f"ρ = {signed(r, 2)} [")
    assert title.endswith("n = 120")


def test_controls_show_all_layers_of_trained_untrained_and_shuffled(tables, settings):
    t = tables(shuffled=-0.01)
    _, table = claims.controls(t["features"], t["control_vinfo"], settings=settings)
    assert list(dict.fromkeys(table["layer"])) == ["stem", "block-01", "penultimate"]
    shown = table[table["layer"] == "stem"].set_index("group")["vinfo"]
    own = t["control_vinfo"].query("layer == 'stem'").groupby("control")["vinfo"].mean()
    assert shown["trained network"] == pytest.approx(t["features"]["vinfo_stem"].mean())
    assert shown["untrained network (control)"] == pytest.approx(own["untrained"])
    assert shown["random directions (control)"] == pytest.approx(own["random"])
    assert shown["shuffled codes (control)"] == pytest.approx(own["shuffled"])


def test_seeds_are_lines_of_their_own_in_the_figure_of_training(walk):
    history = pd.concat(walk.history.assign(seed=seed) for seed in (0, 1))
    figure, table = claims.training(history)
    assert [len(ax.lines) for ax in figure.axes] == [2, 2]
    assert len(table) == 6


@pytest.mark.parametrize("pictures", [False, True])
def test_meta_features_show_the_images_on_which_their_mean_code_is_largest(tables, walk, pictures):
    features = tables(n=6)["features"]
    made = [walk.pictures] if pictures else []
    figure, table = what.q1_meta_features(
        features, walk.images, codes=walk.codes, pictures=made, scale=SCALE, examples=4
    )
    figure.canvas.draw()
    ids = np.array([name.decode() for path in walk.images for name in store.read(path)[0]["ids"]])
    codes = np.concatenate([store.read(path)[0]["codes"] for path in walk.codes])
    assert list(table["complexity"]) == sorted(table["complexity"])
    for row in table.itertuples():
        members = features.loc[features["meta_feature"] == row.meta_feature, "feature"]
        assert row.n == len(members)
        best = np.argsort(-codes[:, members].mean(1), kind="stable")[:4]
        assert row.images.split() == list(ids[best])


@pytest.mark.parametrize("pictures", [False, True])
def test_the_plate_shows_the_images_of_the_largest_codes_and_predictions(tables, walk, pictures):
    features = tables(n=6)["features"]
    made = [walk.pictures] if pictures else []
    files = {"images": walk.images, "codes": walk.codes, "pictures": made}
    figure, table = what.q1_plate(features, walk.decoded, **files, scale=SCALE, examples=4)
    decoded = store.read(walk.decoded)[0]
    ids = np.array([name.decode() for path in walk.images for name in store.read(path)[0]["ids"]])
    assert list(table["rank"].unique()) == ["simple", "middle", "complex"]
    for source in ("block-01", "block-02"):
        own = table[table["source"] == source]
        assert list(own["feature"]) == list(decoded["features"])
        np.testing.assert_allclose(own["vinfo"], decoded[f"{source}/vinfo"])
        for names, prediction in zip(own["images"], decoded[f"{source}/prediction"].T, strict=True):
            assert names.split() == list(ids[np.argsort(-prediction, kind="stable")[:4]])
    shown = [image for ax in figure.axes for image in ax.images]
    assert len(shown) == 3 * (1 + 2 * (1 + pictures))


def test_the_map_numbers_meta_features_from_the_simplest(tables):
    features = tables(n=40)["features"]
    figure, table = what.q1_map(pd.concat([features, features.assign(seed=1)]), SCALE)
    assert len(table) == 40
    means = features.groupby("meta_feature")[["complexity", "umap_x", "umap_y"]].mean().sort_values("complexity")
    numbers = {text.get_text(): text.xy for text in figure.axes[0].texts}
    assert numbers.keys() == {"1", "2", "3", "4", "5"}
    assert numbers["1"] == pytest.approx(means.iloc[0][["umap_x", "umap_y"]])
    ranks = table.groupby("meta_feature")["rank"].first()
    assert list(ranks[means.index]) == [1, 2, 3, 4, 5]


def test_the_tree_tells_how_far_its_first_two_halves_are_apart(tables, settings):
    features = tables(n=60, bias=-0.5)["features"]
    figure, table = appendix_map.a_dendrogram(features, TREE, scale=SCALE, settings=settings)
    halves = features.groupby(features["branch"].str[0])[["complexity", "importance"]].mean()
    simple, complex_ = halves.sort_values("complexity").index
    change = halves.loc[complex_] - halves.loc[simple]
    titles = [ax.get_title("left") for ax in figure.axes[:2]]
    assert f"mean K {signed(change['complexity'], 2)} [" in titles[0]
    assert f"mean Γ {signed(change['importance'], 2)} [" in titles[1]
    shown = table.set_index("branch")
    assert shown.loc["RL", "complexity"] == pytest.approx(features.query("branch == 'RL'")["complexity"].mean())
    ends = shown.loc[["L", "RL", "RR"], "place"]
    assert sorted(ends) == [0, 1, 2]
    assert shown.loc["R", "place"] == pytest.approx(ends[["RL", "RR"]].mean())
