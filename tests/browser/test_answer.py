"""The page of answers, as a person opens it: from a file, by an address, in the dark, on paper."""

import io
import json
from unicodedata import normalize

import pytest
from axe_playwright_python.sync_playwright import Axe
from finished_runs import features, finding, write_answered
from pypdf import PdfReader

from strata.config.keys import Config
from strata.figures.catalogue import FIGURES
from strata.page.answer import page

HOSTILE = ["<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", 'say "hi" & ü']
LEADS = {
    "q1.spectrum": "q1_spectrum",
    "q1.continuity": "q1_spectrum",
    "q2.emergence": "q2_emergence",
    "q3.teleport": "q3_teleport",
    "q4.simplicity_bias": "q4_importance",
    "q4.support": "q4_support",
    "a.local": "a_local",
    "control.shuffled": "controls",
}
VERDICTS = ("supported", "not supported", "undecided")


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    """The page of a run whose classes have hostile names; tests only read it."""
    folder = tmp_path_factory.mktemp("answer") / "run"
    held = [{"given": "ceiling", "value": -0.3, "ci_low": -0.5, "ci_high": 0.1, "n": 9, "verdict": "undecided"}]
    differs = {"difference": 0.1, "ci_low": 0.0, "ci_high": 0.2, "p_value": 0.01, "beaten": True}
    nulls = [{"null": "random directions", "value": -0.1, **differs}]
    found = [
        finding(name, 0.1 * i, VERDICTS[i % 3], figure=figure, given=held, nulls=nulls, note="a note of its own")
        for i, (name, figure) in enumerate(LEADS.items())
    ]
    figures = sorted({*LEADS.values(), "findings"})
    write_answered(folder, found, features(classes=HOSTILE), left_out={"a figure": HOSTILE[0]}, figures=figures)
    config = Config(data={"path": HOSTILE[1]}).model_dump()
    call = {
        "started": "2026-01-02T03:04:05+00:00",
        "strata": {"version": "9.8.7", "commit": "0123abcd", "clean": True},
        "python": "3.11.4",
        "packages": {"torch": "2.9.9"},
        "machine": {"host": HOSTILE[2], "system": "Linux", "cpus": 3, "memory_gib": 5.5, "gpus": []},
    }
    path = folder / "index.html"
    path.write_text(page(folder, config, figures=figures, record={"calls": [call]}))
    return path


def test_it_opens_from_a_file_without_a_request_or_a_word(opened, answer):
    """What `opened` checks; without JavaScript too, and every picture is one."""
    seen = opened(answer, java_script_enabled=False)
    assert seen.locator("h1").inner_text() == "Run digits"
    drawn = opened(answer).locator("figure img").evaluate_all("all => all.map(img => img.complete && img.naturalWidth)")
    assert len(drawn) == len({*LEADS.values()}) + 1
    assert all(width > 100 for width in drawn)


@pytest.mark.parametrize("address", ["q1", "q2", "q3", "q4", "claims", "provenance", "q4_support"])
def test_an_address_leads_to_its_place(opened, answer, address):
    seen = opened(answer, f"#{address}", viewport={"width": 1000, "height": 300})
    top = seen.evaluate("address => document.getElementById(address).getBoundingClientRect().top", address)
    assert 0 <= top < 100


def test_an_answer_on_top_leads_to_its_question(opened, answer):
    seen = opened(answer)
    seen.locator(".answers a").nth(2).click()
    assert seen.url.endswith("#q3")
    assert seen.locator("#q3 h2").inner_text() == "3 Where do they flow?"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(opened, answer, scheme):
    seen = opened(answer, color_scheme=scheme)
    seen.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    found = Axe().run(seen).response["violations"]
    serious = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]
    assert serious == []
    ground = seen.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")


def test_axe_sees_faults_where_there_are_some(opened, answer):
    seen = opened(answer)
    seen.evaluate("document.querySelectorAll('img').forEach(one => one.removeAttribute('alt'))")
    assert "image-alt" in {one["id"] for one in Axe().run(seen).response["violations"]}


def test_hostile_names_are_text(opened, answer):
    seen = opened(answer)
    assert HOSTILE[0] in seen.locator("#provenance").inner_text()
    assert all(name in seen.locator("header dl").inner_text() for name in HOSTILE)
    assert seen.locator("script").count() == 0
    assert seen.locator("img[src='x']").count() == 0


@pytest.mark.parametrize("width", [400, 800, 1440])
def test_nothing_is_wider_than_the_window(opened, answer, width):
    seen = opened(answer, viewport={"width": width, "height": 800})
    seen.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert seen.evaluate("document.documentElement.scrollWidth") <= width


def test_all_of_it_is_reached_by_keyboard(opened, answer):
    seen = opened(answer)
    shown = "all => all.filter(one => one.checkVisibility()).length"  # what is folded is not
    wanted = seen.locator("a[href], summary").evaluate_all(shown)
    reached = set()
    for _ in range(3 * wanted):
        seen.keyboard.press("Tab")
        reached.add(seen.evaluate("[...document.querySelectorAll('a[href], summary')].indexOf(document.activeElement)"))
    assert len(reached - {-1}) == wanted
    summary = seen.locator("#q1 summary").first
    summary.focus()
    seen.keyboard.press("Enter")
    assert seen.locator("#q1 details").first.evaluate("one => one.open")


def test_it_prints_with_all_that_is_folded_and_on_white(opened, answer):
    seen = opened(answer, color_scheme="dark")
    printed = PdfReader(io.BytesIO(seen.pdf(format="A4")))
    whole = normalize("NFKC", " ".join(own.extract_text() for own in printed.pages))  # ligatures apart
    text = " ".join(whole.split())
    assert len(printed.pages) > 3
    for told in (
        "near 0, the first layer already tells the feature",  # how a figure was computed
        "One minus how much of the feature a probe finds",  # what words mean
        "null: random directions",  # of claims that are folded
        "momentum: 0.9",
        "torch 2.9.9",
        "A note of its own.",
    ):
        assert told in text, told
    assert text.count("ceiling held fixed") == len(LEADS)
    assert "Explore every feature" not in text  # which leads nowhere on paper
    seen.emulate_media(media="print")
    assert seen.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_a_figure_links_to_the_explorer_in_its_own_words(opened, answer):
    link = opened(answer).locator("#q2_emergence a", has_text="in the explorer")
    assert link.get_attribute("href") == f"explorer.html#{FIGURES['q2_emergence'].explorer}"


def test_the_findings_beside_it_are_those_that_it_tells(opened, answer):
    seen = opened(answer)
    told = [f["verdict"] for f in json.loads(answer.with_name("findings.json").read_text()) if f["question"] == "4"]
    assert seen.locator("#q4 > .answer .verdict, #q4 > article > h3 .verdict").all_inner_texts() == told
