"""The explorer as a person uses it: with a mouse, with a keyboard, from a link."""

import io
import re
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from matplotlib.path import Path as Polygon
from playwright.sync_api import expect
from small_run import CLASSES, LAYERS, small_run

from strata.figures.catalogue import FIGURES
from strata.page.explorer import explore

N = 120
ADDRESSES = {figure.name: figure.explorer for figure in FIGURES.values()}


def write_page(run, folder):
    path = folder / "explorer.html"
    explore(run.files, run="made up", codes=run.codes, addresses=ADDRESSES, examples=9, output=path)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return small_run(tmp_path_factory.mktemp("run"), n=N, seeds=(0, 1), pictures=True)


@pytest.fixture(scope="module")
def path(run, tmp_path_factory):
    return write_page(run, tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def features(run):
    return run.tables["features"].query("seed == 0")


@pytest.fixture
def show(opened, path):
    """What opens the explorer at an address, and waits until it is drawn."""

    def show(address="", **window):
        page = opened(path, address, **window)
        page.wait_for_selector("body[data-ready]")
        settled(page)
        return page

    return show


def settled(page):
    """Wait until what is drawn last is that of what is chosen: the gallery, 60 ms after the frame that follows."""
    page.evaluate(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 100))))"
    )


def counted(page):
    return int(re.match(r"\d+", page.inner_text("#count"))[0])


def chosen(page):
    return {key: values[0] for key, values in parse_qs(page.url.partition("#")[2]).items()}


def places(page, plot="map", n=N):
    """Return where every feature of a plot is in the window."""
    box = page.locator(f"#{plot}-canvas").bounding_box()
    own = np.array(
        page.evaluate("([plot, n]) => [...Array(n).keys()].map((i) => explorer.placeOf(plot, i))", [plot, n])
    )
    return own + np.array([box["x"], box["y"]])


def alone(found):
    """Return the feature that is farthest from any other."""
    away = np.hypot(*(found[:, None] - found[None]).transpose(2, 0, 1)) + 1e9 * np.eye(len(found))
    return int(np.nan_to_num(np.fmin.reduce(away, axis=1), nan=0, posinf=0).argmax())


def names_of(images):
    return [re.sub(", class.*", "", image.get_attribute("alt"), flags=re.DOTALL) for image in images.all()]


def best(run, feature):
    z = run.z[0][:, feature]
    return [run.ids[i] for i in np.argsort(-z, kind="stable")[:9] if z[i] > 0]


@pytest.mark.parametrize("plot", ["map", "scatter"])
def test_a_hover_shows_a_features_images_and_a_click_selects_it(show, run, features, plot):
    page = show()
    found = places(page, plot)
    feature = alone(found)
    page.mouse.move(*found[feature])
    expect(page.locator("#tip")).to_be_visible()
    assert page.inner_text("#tip strong").startswith(f"Feature {feature} · class ")
    assert names_of(page.locator("#tip img")) == best(run, feature)
    page.mouse.click(*found[feature])
    expect(page.locator("#feature h2")).to_contain_text(f"Feature {feature} · class")
    assert chosen(page) == {"feature": str(feature)}
    row = features.iloc[feature]
    for column in ("complexity", "importance", "hoyer"):
        assert float(page.inner_text(f'#feature td[data-column="{column}"]')) == pytest.approx(row[column], rel=0.01)


def test_a_link_shows_what_its_sender_saw(show):
    page = show()
    page.click("#findings button >> nth=1")
    page.fill("#search", 'k>0.5 class:"two words"')
    page.press("#search", "Enter")
    page.select_option("#colour", "meta_feature")
    page.select_option("#sort", "-importance")
    page.mouse.click(*places(page, "scatter")[30])
    page.locator("#epoch").press("ArrowLeft")
    page.click("#pin")
    page.locator("#map-in").click()
    settled(page)
    address = "#" + page.url.partition("#")[2]
    assert {"filter", "y", "colour", "sort", "feature", "pinned", "map", "epoch"} <= chosen(page).keys()
    other = show(address)
    assert other.evaluate("({ ...explorer.state })") == page.evaluate("({ ...explorer.state })")
    for part in ("#count", "#feature h2", "#cards", "#pinned", "#correlation", "#epoch-words"):
        assert other.inner_text(part) == page.inner_text(part)
    for canvas in ("map", "scatter", "population"):
        drawn = [own.evaluate(f"document.getElementById('{canvas}-canvas').toDataURL()") for own in (page, other)]
        assert drawn[0] == drawn[1], canvas


@pytest.mark.parametrize(
    "address",
    [
        "#feature=abc&x=nope&seed=99&lasso=map,1&page=-3&epoch=77&sort=&map=a,b,c&colour=log:&pinned=,,",
        "#feature=99999&page=99999&pinned=99999&lasso=scatter,NaN,1,2,3,4,5",
        "#%&&==%E0%A4%A&filter=",
        "#__proto__=1&constructor=2&toString=3",
    ],
)
def test_a_garbled_link_does_no_harm(show, address):
    page = show(address)
    assert counted(page) == N
    page.fill("#search", "0")
    expect(page.locator("#feature h2")).to_contain_text("Feature 0 ")


def test_words_that_are_not_understood_are_told_and_filter_nothing(show):
    page = show("#filter=nope>3+k>x+k:1..+class>2")
    assert page.inner_text("#unknown") == "not understood: nope>3 k>x k:1.. class>2"
    assert counted(page) == N


def test_back_undoes_and_forward_does_it_again(show):
    page = show()
    page.fill("#search", "k>0.5")
    page.press("#search", "Enter")
    page.click("#cards button >> nth=0")
    assert {"filter", "feature"} == chosen(page).keys()
    page.go_back()
    settled(page)
    assert page.inner_text("#feature h2") == "Feature"
    assert chosen(page) == {"filter": "k>0.5"}
    page.go_back()
    settled(page)
    assert counted(page) == N
    page.go_forward()
    settled(page)
    assert counted(page) < N
    assert page.input_value("#search") == "k>0.5"


SEARCHES = [
    ("k>0.6", "complexity > 0.6"),
    ("k:0.4..0.6 gamma<0.2", "0.4 <= complexity <= 0.6 and importance < 0.2"),
    ("meta:4", "meta_feature == 4"),
    ("meta:4 meta:2 delta<=0.4", "meta_feature in (2, 4) and temporal_decoding_score <= 0.4"),
    ('class:"two words" class:plain', "`class` in ('two words', 'plain')"),
    ('class:"say \\"hi\\", ü"', "`class` == 'say \"hi\", ü'"),
    ('class:""', "`class` == ''"),
    ("17 23", "feature in (17, 23)"),
    ("robustness:missing", "robustness.isna()"),
    ("k:missing", "complexity.isna()"),
    ("script hoyer>=0.5", "`class`.str.contains('script') and hoyer >= 0.5"),
    ("branch:RL vinfo_block-01>0.2", "branch == 'RL' and `vinfo_block-01` > 0.2"),
]


def test_a_search_finds_what_pandas_finds(show, features):
    page = show()
    for words, query in SEARCHES:
        page.fill("#search", words)
        settled(page)
        wanted = features.query(query, engine="python")
        assert page.inner_text("#unknown") == ""
        assert counted(page) == len(wanted), words
        shown = [int(button.get_attribute("data-feature")) for button in page.locator("#cards button").all()]
        assert shown == list(wanted.sort_values(["complexity", "feature"])["feature"][:24]), words


@pytest.mark.parametrize("column", ["complexity", "robustness"])
def test_dragging_over_a_histogram_filters_as_pandas_does(show, features, column):
    page = show()
    label = {"complexity": "complexity K", "robustness": "robustness"}[column]
    canvas = page.get_by_label(f"{label}: histogram", exact=False)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 10, steps=5)
    during = counted(page)
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 10, steps=5)
    page.mouse.up()
    settled(page)
    low, high = map(float, re.search(r":(.*)\.\.(.*)", chosen(page)["filter"]).groups())
    wanted = features[column].between(low, high).sum()
    assert counted(page) == wanted
    assert 0 < during < wanted < N
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 10)  # which clears it
    settled(page)
    assert counted(page) == N


@pytest.mark.parametrize("plot", ["map", "scatter"])
def test_a_lasso_holds_what_lies_in_its_polygon(show, features, plot):
    page = show()
    box = page.locator(f"#{plot}-canvas").bounding_box()
    corners = np.array([[0.25, 0.3], [0.7, 0.2], [0.8, 0.75], [0.3, 0.8]]) * [box["width"], box["height"]] + [
        box["x"],
        box["y"],
    ]
    page.keyboard.down("Shift")
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")
    settled(page)
    key, *ends = chosen(page)["lasso"].split(",")
    assert key == plot
    x, y = (
        (features["umap_x"], features["umap_y"])
        if plot == "map"
        else (features["complexity"], np.log10(features["importance"]))
    )
    wanted = Polygon(np.reshape(ends, (-1, 2)).astype(float)).contains_points(np.column_stack([x, y])).sum()
    assert 0 < wanted < N
    assert counted(page) == wanted
    page.click("#clear")
    assert counted(page) == N


def test_the_heatmap_and_the_cka_are_those_of_the_run(show, run, features):
    page = show("#feature=17")
    own = {name: table.query("seed == 0 and feature == 17") for name, table in run.tables.items()}
    titles = [cell.get_attribute("title") for cell in page.locator("#vinfo-table td").all()]
    found = dict(title.split(": ") for title in titles)
    assert len(found) == len(LAYERS) * 4
    for layer in LAYERS:
        untrained = own["control_vinfo"].query(f"control == 'untrained' and layer == {layer!r}")["vinfo"].item()
        assert float(found[f"{layer}, epoch 0"]) == pytest.approx(max(untrained, 0), abs=0.0026)
        last = features.iloc[17][f"vinfo_{layer}"]
        assert float(found[f"{layer}, epoch 3"]) == pytest.approx(max(last, 0), abs=0.0026)
        for epoch in (1, 2):
            told = found[f"{layer}, epoch {epoch}"]
            if layer == "penultimate":
                given = own["decoding"].query(f"epoch == {epoch}")["vinfo"].item()
                assert float(told) == pytest.approx(max(given, 0), abs=0.0026)
            else:
                assert told == "not measured"
    for cell in page.locator("#cka-table td").all():
        branch, block, value = re.match(r"(\w+) branch, (.*): (.*)", cell.get_attribute("title")).groups()
        given = own["branch_cka"].query(f"layer == '{block}-{branch}'")["cka"].item()
        assert float(value) == pytest.approx(given, abs=0.0026)
    constant = show(f"#feature={N - 2}")
    told = {cell.get_attribute("title").split(": ")[1] for cell in constant.locator("#vinfo-table td").all()}
    assert told == {"missing", "not measured"}
    assert constant.inner_text('#feature td[data-column="complexity"]') == "missing"
    assert "It fires in no image" in constant.inner_text("#feature")


MEANS = """async (images) => Promise.all(images.map(async (image) => {
  await image.decode();
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  return [image.dataset.image, [...pen.getImageData(0, 0, canvas.width, canvas.height).data]];
}))"""


def test_thumbnails_show_the_images_that_their_ids_name(show, run):
    pixels = run.pixels.transpose(0, 2, 3, 1).reshape(len(run.ids), -1).astype(float)
    page = show()
    for feature in (3, 40, 77):
        page.fill("#search", str(feature))
        expect(page.locator("#feature h2")).to_contain_text(f"Feature {feature} ")
        shown = page.locator("#feature img[data-image]").evaluate_all(MEANS)
        assert [name for name, _ in shown] == best(run, feature)
        for name, data in shown:
            own = np.reshape(data, (-1, 4))[:, :3].ravel()
            assert run.ids[np.abs(pixels - own).mean(1).argmin()] == name


def test_a_click_on_an_image_finds_the_features_that_share_it(show, run):
    page = show("#feature=3")
    name = best(run, 3)[0]
    page.click("#feature .images button >> nth=0")
    settled(page)
    wanted = [i for i in range(N) if name in best(run, i)]
    assert counted(page) == len(wanted)
    assert chosen(page)["filter"] == f"image:{name}"


def test_neighbours_lead_on(show, run):
    page = show("#feature=5")
    unit = run.d[0] / np.linalg.norm(run.d[0], axis=1, keepdims=True)
    cosine = unit @ unit[5]
    nearest = int(np.argsort(-cosine)[1])
    first = page.locator(".neighbours button").first
    assert first.inner_text().split("\n")[-1] == f"{cosine[nearest]:.3f}"
    first.click()
    expect(page.locator("#feature h2")).to_contain_text(f"Feature {nearest} ")


def test_by_keyboard_alone_one_finds_walks_filters_and_clears(show):
    page = show()
    press = page.keyboard.press
    press("/")
    page.keyboard.type("k>0.5")
    press("Enter")
    settled(page)
    assert 0 < counted(page) < N
    press("Escape")
    press("]")
    settled(page)
    first = chosen(page)["feature"]
    press("]")
    assert chosen(page)["feature"] != first
    press("[")
    assert chosen(page)["feature"] == first
    press("p")
    expect(page.locator("#pinned")).to_be_visible()
    for _ in range(60):
        press("Tab")
        if page.evaluate("document.activeElement.id") == "map-canvas":
            break
    before = places(page)[int(first)]
    press("ArrowRight")
    settled(page)
    walked = int(chosen(page)["feature"])
    assert places(page)[walked][0] > before[0]
    press("Escape")
    settled(page)
    assert "feature" not in chosen(page)
    press("Escape")
    settled(page)
    assert counted(page) == N
    histogram = page.get_by_label("complexity K: histogram", exact=False)
    histogram.focus()
    press("ArrowRight")
    press("Shift+ArrowRight")
    settled(page)
    assert re.fullmatch(r"complexity:.*\.\..*", chosen(page)["filter"])
    assert 0 < counted(page) < N
    press("Escape")
    settled(page)
    assert counted(page) == N
    press("?")
    expect(page.locator("#help-words")).to_be_visible()
    press("Escape")
    expect(page.locator("#help-words")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 800])
def test_axe_finds_no_fault(show, scheme, width):
    window = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
    page = show("#feature=17&pinned=3,17&filter=k>0.3+nope:1", **window)
    found = Axe().run(page).response["violations"]
    assert [
        (fault["id"], fault["nodes"][0]["html"]) for fault in found if fault["impact"] in ("serious", "critical")
    ] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_names_of_classes_are_text(show):
    said = []
    page = show()
    page.on("dialog", lambda dialog: said.append(dialog.message) or dialog.dismiss())
    names = [own.inner_text() for own in page.locator("#histograms ul >> nth=0").locator("button .name").all()]
    assert sorted(names) == sorted(name or "(no name)" for name in CLASSES)
    for name in CLASSES:
        page.locator("#histograms ul >> nth=0").get_by_text(name or "(no name)", exact=True).click()
        settled(page)
        assert counted(page) == N // len(CLASSES)
        page.click("#cards button >> nth=0")
        settled(page)
        assert (name or "(no name)") in page.inner_text("#feature h2")
        page.locator("#pin").click()
        page.click("#clear")
    found = places(page)
    page.mouse.move(*found[alone(found)])
    assert page.locator("[onerror]").count() == 0
    assert page.evaluate("[...document.scripts].every((own) => !own.textContent.startsWith('alert'))")
    assert said == []


def test_without_a_graphics_card_the_picture_is_the_same(show, launch):
    plain = launch("--disable-3d-apis", "--disable-gpu")
    page, other = show("#feature=17"), show("#feature=17", browser=plain)
    for canvas in ("map-canvas", "scatter-canvas", "legend", "population-canvas"):
        drawn = [own.evaluate(f"document.getElementById('{canvas}').toDataURL()") for own in (page, other)]
        assert drawn[0] == drawn[1], canvas
    assert other.locator("#cards button").count() == page.locator("#cards button").count() == 24
    plain.close()


def test_a_finding_sets_the_plots_to_its_claim(show):
    page = show("#filter=k>0.3")
    page.get_by_role("button", name="a.local").click()
    settled(page)
    assert chosen(page) == {"filter": "k>0.3", "y": "hoyer"}
    assert "not supported" in page.inner_text("#said")
    expect(page.get_by_role("button", name="a.local")).to_have_attribute("aria-pressed", "true")


def test_the_correlation_is_that_of_what_is_shown(show, features):
    page = show("#filter=k>0.3&y=hoyer")
    own = features[features["complexity"] > 0.3]
    rho, r = (own["complexity"].corr(own["hoyer"], method=method) for method in ("spearman", "pearson"))
    told = page.inner_text("#correlation").replace("−", "-")
    assert told == f"Spearman ρ {rho:+.2f} · Pearson r {r:+.2f} · n {len(own)}"


def test_another_seed_has_its_own_features(show, run):
    page = show("#feature=17&filter=k>0.5")
    page.select_option("#seed", "1")
    settled(page)
    own = run.tables["features"].query("seed == 1")
    assert counted(page) == (own["complexity"] > 0.5).sum()
    assert chosen(page) == {"seed": "1", "filter": "k>0.5"}
    page.fill("#search", "17")
    expect(page.locator("#feature h2")).to_contain_text("Feature 17 ")
    assert float(page.inner_text('#feature td[data-column="complexity"]')) == pytest.approx(
        own.iloc[17]["complexity"], rel=0.01
    )


def test_the_population_of_an_epoch_is_told_as_discovered_afresh(show, run):
    page = show()
    page.locator("#epoch").press("Home")
    settled(page)
    own = run.tables["by_checkpoint"].query("seed == 0 and epoch == 0")["complexity"]
    told = page.inner_text("#epoch-words")
    assert "discovered afresh" in told
    assert f"mean complexity {own.mean():.3f}, {own.isna().sum()} missing" in told


def test_the_csv_has_what_is_shown(show, features):
    page = show("#filter=k>0.4+meta:2&sort=-importance")
    with page.expect_download() as waiting:
        page.click("#csv")
    table = pd.read_csv(
        io.BytesIO(waiting.value.path().read_bytes()), keep_default_na=False, na_values=[""], dtype={"class": str}
    )
    own = features.query("complexity > 0.4 and meta_feature == 2").sort_values("importance", ascending=False)
    assert list(table["feature"]) == list(own["feature"])
    assert list(table["class"].fillna("")) == list(own["class"])
    np.testing.assert_allclose(table["importance"], own["importance"], rtol=1e-6)
    np.testing.assert_allclose(table["robustness"], own["robustness"], rtol=1e-6)


def test_the_gallery_is_sorted_and_paged(show, features):
    page = show("#sort=-importance")
    wanted = list(features.sort_values("importance", ascending=False)["feature"])
    seen = []
    for _ in range(N // 24):
        seen += [int(button.get_attribute("data-feature")) for button in page.locator("#cards button").all()]
        if page.locator("#next").is_enabled():
            page.click("#next")
            settled(page)
    assert seen == wanted
    assert page.locator("#next").is_disabled()


def test_wheel_and_drag_zoom_and_pan_and_fit_undoes(show):
    page = show()
    before = places(page)
    page.mouse.move(*before[10])
    page.mouse.wheel(0, -600)
    page.wait_for_timeout(500)
    zoomed = places(page)
    np.testing.assert_allclose(
        zoomed[10], before[10], atol=1.5
    )  # what is under the cursor stays there, which is at whole pixels
    spread = np.ptp(zoomed[:, 0]) / np.ptp(before[:, 0])
    assert spread > 1.5
    page.mouse.down()
    page.mouse.move(*(before[10] + [40, 30]), steps=4)
    page.mouse.up()
    np.testing.assert_allclose(places(page)[10], zoomed[10] + [40, 30], atol=0.5)
    assert "map" in chosen(page)
    page.click("#map-fit")
    settled(page)
    np.testing.assert_allclose(places(page), before, atol=0.01)


@pytest.mark.parametrize(
    "small",
    [{"n": 1}, {"n": 2}, {"epochs": (0,)}, {"blocks": ()}, {"epochs": tuple(range(40)), "n": 300}],
    ids=["one feature", "two features", "no epochs", "no branches", "many epochs"],
)
def test_small_and_odd_runs_are_shown(opened, tmp_path, small):
    run = small_run(tmp_path, **small)
    page = opened(write_page(run, tmp_path), "#feature=0")
    page.wait_for_selector("body[data-ready]")
    expect(page.locator("#feature h2")).to_contain_text("Feature 0 ")
    assert counted(page) == len(run.tables["features"])
    assert (page.locator("#cka-table").count() == 1) == ("blocks" not in small)
    epochs = small.get("epochs", (0, 1, 2, 3))
    layers = 2 if "blocks" in small else 4
    assert page.locator("#vinfo-table td").count() == len(epochs) * layers
    for first, second in pairwise(["complexity", "hoyer", "log:importance"]):
        page.select_option("#x", first)
        page.select_option("#y", second)
    settled(page)


REPORT = Path(__file__).parents[2] / "results/digits/report.html"  # of `make demo`


@pytest.mark.skipif(not REPORT.exists(), reason="make demo has not run")
@pytest.mark.parametrize("link", ["the first one", "Every feature, in the explorer"])
def test_the_report_leads_to_it(chromium, link):
    page = chromium.new_context().new_page()
    page.goto(REPORT.as_uri())
    if link != "the first one":
        page.get_by_text("2 When are they learned?").click()
        row = page.get_by_role("row", name="Complexity against temporal decoding score")
        row.locator("[iconname=information-circle]").click()
    page.get_by_role("link", name=link).press("Enter")
    page.wait_for_selector("body[data-ready]")
    settled(page)
    if link == "the first one":
        assert page.inner_text("#feature h2").startswith("Feature 0 ")
    else:
        assert page.input_value("#y") == "temporal_decoding_score"
    page.context.close()


def test_a_picture_of_the_meta_feature_is_shown_where_it_is_made(show):
    page = show("#feature=1")
    assert page.locator("img.maco").evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 24
    page.fill("#search", "5")  # of meta-feature 5, of which there is none
    expect(page.locator("#feature h2")).to_contain_text("Feature 5 ")
    assert page.locator("img.maco").count() == 0
