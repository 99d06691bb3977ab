import base64
import io
import json
import re
import tracemalloc
import zlib
from itertools import pairwise
from xml.sax.saxutils import escape

import numpy as np
import pytest
from PIL import Image
from small_run import CLASSES, LAYERS, small_run

from strata import store
from strata.errors import StrataError
from strata.figures import most_activating
from strata.figures.catalogue import FIGURES
from strata.page.explorer import explore
from strata.page.packing import BLOCK, in_blocks, levels

ADDRESSES = {"q4_importance": "x=complexity&y=log:importance"}


def page_of(run, folder, **more):
    path = folder / "explorer.html"
    explore(run.files, run="made up", codes=run.codes, addresses=ADDRESSES, examples=9, output=path, **more)
    return path.read_text()


def about(page):
    return json.loads(re.search(r'id="about">(.*?)</script>', page)[1])


def part(page, name, dtype=None):
    data = base64.b64decode(re.search(rf'id="{name}">(.*?)</script>', page)[1])
    return data if dtype is None else np.frombuffer(zlib.decompress(data), dtype)


def cells_of(page, name):
    """Unpack as a browser does: cells × features."""
    told, data = about(page), part(page, name)
    offsets = told[name]["offsets"]
    blocks = [zlib.decompress(data[a:b]) for a, b in pairwise(offsets)]
    cells = len(told[name]["cells"])
    whole = np.concatenate([np.frombuffer(b, np.uint8).reshape(cells, -1) for b in blocks], axis=1)
    found = np.cumsum(whole, axis=0, dtype=np.uint8)
    return np.where(found == 255, np.nan, found / 254)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return small_run(tmp_path_factory.mktemp("run"), n=300, seeds=(3, 1), pictures=True)


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    return page_of(run, tmp_path_factory.mktemp("page"))


def test_every_column_of_every_seed_is_there(run, page):
    told, table = about(page), run.tables["features"]
    values = part(page, "columns", "<f4").reshape(len(told["columns"]), -1)
    assert told["seeds"] == [3, 1]
    assert {*table} < {column["name"] for column in told["columns"]}
    for column, own in zip(told["columns"], values, strict=True):
        if column["name"] in ("skip_share", "later_in_main"):
            continue
        if "values" in column:
            assert [column["values"][int(code)] for code in own] == list(table[column["name"]])
        else:
            np.testing.assert_allclose(own, table[column["name"]], rtol=1e-6)


def test_vinformation_is_that_of_the_tables_to_a_half_percent(run, page):
    told, found, table = about(page), cells_of(page, "vinfo"), run.tables
    assert told["layers"] == LAYERS
    measured = {
        (told["layers"][layer], told["epochs"][epoch]): i for i, (layer, epoch) in enumerate(told["vinfo"]["cells"])
    }
    assert measured.keys() == {(x, e) for x in LAYERS for e in (0, 3)} | {("penultimate", e) for e in (1, 2)}
    for (layer, epoch), i in measured.items():
        if epoch == 3:
            given = table["features"][f"vinfo_{layer}"]
        elif epoch == 0:
            own = table["control_vinfo"].query(f"control == 'untrained' and layer == {layer!r}")
            given = own["vinfo"]
        else:
            given = table["decoding"].query(f"epoch == {epoch}")["vinfo"]
        np.testing.assert_allclose(found[i], np.clip(given, 0, 1), atol=0.5 / 254 + 1e-9)
    assert np.isnan(found).any()


def test_cka_is_that_of_the_table(run, page):
    told, found = about(page), cells_of(page, "cka")
    for (branch, block), own in zip(told["cka"]["cells"], found, strict=True):
        given = run.tables["branch_cka"].query(f"layer == '{block}-{branch}'")["cka"]
        np.testing.assert_allclose(own, given, atol=0.5 / 254 + 1e-9)


def test_the_most_activating_images_are_those_of_the_largest_codes_each_once(run, page):
    told = about(page)
    names = json.loads(part(page, "names", np.uint8).tobytes())
    best = part(page, "best", "<i4").reshape(-1, told["examples"])
    offsets, pool = part(page, "offsets", "<u4"), part(page, "pool")
    assert len(set(names["names"])) == len(names["names"])
    for row, z in enumerate(np.concatenate(run.z, axis=1).T):
        shown = [names["names"][at] for at in best[row] if at >= 0]
        wanted = [i for i in np.argsort(-z, kind="stable")[:9] if z[i] > 0]
        assert shown == [run.ids[i] for i in wanted]
    for at, name in enumerate(names["names"]):
        picture = np.asarray(Image.open(io.BytesIO(pool[offsets[at] : offsets[at + 1]])).convert("RGB"), float)
        own = run.pixels[run.ids.index(name)].transpose(1, 2, 0)
        assert np.abs(picture - own).mean() < 12, name  # another one is farther away
        assert names["labels"][at] == run.ids.index(name) % len(CLASSES)
    assert len(told["pictures"]) == 3
    assert {made["seed"] for made in told["pictures"]} == {3}


def test_neighbours_are_the_nearest_directions_of_the_same_seed(run, page):
    near = part(page, "neighbours", "<i4").reshape(600, -1)
    cosines = part(page, "cosines", "<f4").reshape(600, -1)
    for seed, d in enumerate(run.d):
        unit = d / np.linalg.norm(d, axis=1, keepdims=True)
        cosine = unit @ unit.T - 2 * np.eye(len(d))
        for feature in (0, 7, 299):
            wanted = np.argsort(-cosine[feature])[:8]
            assert list(near[300 * seed + feature]) == list(300 * seed + wanted)
            np.testing.assert_allclose(cosines[300 * seed + feature], cosine[feature][wanted], atol=1e-5)


def test_the_population_of_every_epoch_is_that_of_the_table(run, page):
    told = about(page)["population"]
    found = part(page, "population", "<u2").reshape(2, -1)
    assert told["sizes"] == [[300] * 4] * 2
    low, high = told["importance"]
    given = run.tables["by_checkpoint"]
    known = given["complexity"].notna().to_numpy()
    np.testing.assert_allclose(found[0][known] / 65534, given["complexity"][known], atol=1e-5)
    np.testing.assert_allclose(low + (high - low) * found[1] / 65534, np.log10(given["importance"]), atol=1e-4)
    assert (found[0][~known] == 65535).all()


def test_the_same_run_gives_the_same_bytes(run, page, tmp_path):
    assert page_of(run, tmp_path) == page


def test_names_of_classes_are_text(page):
    outside = re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.DOTALL)
    assert "<img src=x" not in page
    assert "</script><script>alert" not in page
    assert "onerror" not in outside
    (column,) = [column for column in about(page)["columns"] if column["name"] == "class"]
    assert {*column["values"]} == {*CLASSES}


def test_the_name_of_a_run_is_text(run, tmp_path):
    path = tmp_path / "explorer.html"
    explore(run.files, run="</title><b>", codes=run.codes, addresses={}, examples=1, output=path)
    assert f"<title>Explorer: {escape('</title><b>')}</title>" in path.read_text()


def test_nothing_is_fetched(page):
    assert not re.findall(r'(?:src|href)="(?!data:,|index\.html|report\.html)', page)
    assert "http" not in page.replace("http://www.w3.org", "")


def test_a_finding_leads_to_what_its_figure_shows(page):
    assert [finding["address"] for finding in about(page)["findings"]] == [ADDRESSES["q4_importance"], ""]


def test_the_addresses_of_figures_name_what_runs_have(run, page):
    known = {column["name"] for column in about(page)["columns"]}
    measured = {"ceiling", "complexity_untrained", "complexity_extrapolated", "redundancy", "stability"}
    for figure in FIGURES.values():
        for key, value in (told.split("=") for told in figure.explorer.split("&") if told):
            assert key in ("x", "y", "colour", "sort", "epoch")
            assert value.isdigit() or value.removeprefix("log:").removeprefix("-") in known | measured


@pytest.mark.parametrize(
    "small",
    [{"n": 2}, {"n": 1}, {"epochs": (0,)}, {"epochs": (0, 1)}, {"blocks": ()}],
    ids=["two features", "one feature", "no epochs", "one epoch", "no branches"],
)
def test_what_a_run_may_lack_is_left_out(small, tmp_path):
    run = small_run(tmp_path, **small)
    told = about(page_of(run, tmp_path))
    assert told["rows"] == len(run.tables["features"])
    assert bool(told["cka"]["cells"]) == ("blocks" not in small)


def test_images_of_another_run_are_refused(run, tmp_path):
    other = run.files | {"images": run.files["images"][::-1]}
    with pytest.raises(StrataError, match="its images is"):
        explore(other, run="x", codes=run.codes, addresses={}, examples=4, output=tmp_path / "explorer.html")


def test_levels_keep_what_is_missing_apart():
    found = levels(np.array([-1, 0, 0.5, 1, 2, np.nan, np.inf]), (0, 1), kind=np.uint8)
    assert list(found) == [0, 0, 127, 254, 254, 255, 255]


def test_blocks_are_of_few_features():
    packed, offsets = in_blocks(np.zeros((3, 2 * BLOCK + 1), np.uint8))
    assert len(offsets) == 4
    assert offsets[-1] == len(packed)


@pytest.mark.parametrize("rows", [3, 1000])
def test_the_largest_are_the_same_however_they_are_read(rows, monkeypatch):
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 6, (40, 12)).astype(float)  # many are equal
    scores[rng.random(scores.shape) < 0.3] = np.nan
    scores[:, 3] = np.nan
    parts = [scores[i : i + rows] for i in range(0, 40, rows)]
    found = most_activating.largest(parts, 5)
    for own, column in zip(found, scores.T, strict=True):
        order = np.argsort(-column, kind="stable")
        assert list(own) == [i for i in order if not np.isnan(column[i])][:5]


def test_memory_does_not_grow_with_features_times_the_size_of_an_image(tmp_path, monkeypatch):
    """Of every part of the images, no more than those of that part are held."""
    monkeypatch.setattr(most_activating, "_ROWS", 16)
    images, side, n = 160, 96, 40
    pixels = np.zeros((images, 3, side, side), np.uint8)
    path, codes = tmp_path / "images.h5", tmp_path / "codes.h5"
    arrays = {"images": pixels, "ids": np.array([b"x"] * images), "labels": np.zeros(images, np.int32)}
    store.write(path, arrays, kind="images", images="these")
    z = np.random.default_rng(0).random((images, n)).astype(np.float32)
    store.write(codes, {"codes": z}, kind="codes", images="these")
    numbers = np.unique(np.concatenate(most_activating.largest(most_activating.scores_of([codes]), 9)))
    assert len(numbers) > 120
    tracemalloc.start()
    for _ in most_activating.images_at(numbers, [path], codes=[codes]):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < pixels.nbytes / 2
