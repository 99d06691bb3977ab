"""The page of answers: what stands on it, where its links lead, and that nothing in a run can become markup."""

import base64
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from finished_runs import features, finding, null, write_answered

from strata import tables
from strata.claims.answers import agreement, found_by_paper, sentence
from strata.claims.finding import QUESTIONS
from strata.config.keys import Config
from strata.figures.catalogue import FIGURES
from strata.page.answer import page
from strata.page.captions import caption_html

HOSTILE = ["<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", 'say "hi" & ü', "{{ 7 * 7 }}"]
LEADS = ("q1.spectrum", "q2.emergence", "q3.teleport", "q4.simplicity_bias")
FIGURE_OF = {
    "q1.spectrum": "q1_spectrum",
    "q2.emergence": "q2_emergence",
    "q3.teleport": "q3_teleport",
    "q4.simplicity_bias": "q4_importance",
}
DRAWN = ("q1_map", "q1_spectrum", "q2_emergence", "q3_flow", "q3_teleport", "q4_importance", "findings", "controls")
CALL = {
    "started": "2026-01-02T03:04:05+00:00",
    "ended": None,
    "outcome": None,
    "strata": {"version": "9.8.7", "commit": "0123abcd", "clean": False},
    "python": "3.11.4",
    "packages": {"torch": "2.9.9"},
    "machine": {"host": "node<7>", "system": "Linux", "cpus": 3, "memory_gib": 5.5, "gpus": ["H100"]},
}


class Read(HTMLParser):
    """A page as read: its elements with their attributes, the text of it, and that of each section by its address."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self.sections, self._open = [], [], {}, []
        self.feed(text)
        self.text = " ".join(" ".join(self.text).split())
        self.sections = {name: " ".join(" ".join(told).split()) for name, told in self.sections.items()}

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag == "section":
            self._open = self.sections.setdefault(dict(attributes)["id"], [])

    def handle_data(self, data):
        self.text.append(data)
        self._open.append(data)

    def all(self, tag, name):
        return [attributes[name] for found, attributes in self.elements if found == tag and name in attributes]


def held(name, value, verdict):
    return {"given": name, "value": value, "ci_low": value - 0.1, "ci_high": value + 0.1, "n": 77, "verdict": verdict}


FOUND = [
    finding("q1.spectrum", 0.31, figure="q1_spectrum"),
    finding("q1.continuity", 0.9, "not supported", figure="q1_spectrum"),
    finding("q2.emergence", 0.9, "undecided", alone="supported", figure="q2_emergence", effect=0.8, effect_name="size"),
    finding("q3.teleport", -0.1, "undecided", figure="q3_teleport"),
    finding(
        "q4.simplicity_bias",
        -0.8,
        figure="q4_importance",
        given=[held("ceiling", -0.28, "undecided")],
        nulls=[null("random directions", -0.705, True), null("the untrained network", -0.345, False)],
        beside=[{"what": "by CKA", "value": -0.06, "ci_low": -0.3, "ci_high": 0.2}],
        images_low=-0.9,
        images_high=-0.7,
        note="accuracy is at a ceiling",
    ),
    finding("a.local", -0.5, "not supported", figure="a_local"),
    finding("control.shuffled", 0.0, figure="controls"),
]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A run with pictures, which take longest."""
    return write_answered(tmp_path_factory.mktemp("written") / "run", FOUND, features(), figures=DRAWN)


@pytest.fixture
def run(written, tmp_path):
    return shutil.copytree(written, tmp_path / "run")


def made(folder, *, figures=DRAWN, record=None, **config):
    """Return the page's text, and the page as read."""
    text = page(folder, Config(**config).model_dump(), figures=figures, record=record)
    return text, Read(text)


def test_every_question_has_an_address_an_answer_the_paper_and_its_verdict_in_word_and_shape(run):
    _, read = made(run)
    for question, lead in zip("1234", LEADS, strict=True):
        f = next(f for f in FOUND if f.id == lead)
        own = read.sections[f"q{question}"]
        for told in (QUESTIONS[question], sentence(f), f.verdict, found_by_paper(f), agreement(f), f.statistic):
            assert told in own, (question, told)
        assert f"{question} {QUESTIONS[question]} {f.verdict} {sentence(f)}" in read.sections["answers"]
        assert f"#q{question}" in read.all("a", "href")
    marks = [attributes["class"] for tag, attributes in read.elements if tag == "svg"]
    assert {"mark supported", "mark not-supported", "mark undecided"} <= set(marks)
    assert "Codes shuffled" not in read.text  # this claim is one of the tests'
    assert "supported claim of control.shuffled" in read.sections["answers"]


def test_the_numbers_of_a_claim_stand_in_a_table_with_its_alternatives_and_nulls(run):
    own = made(run)[1].sections["q4"]
    for told in (
        "this run −0.800 [−0.900, −0.700] 20 features supported p = 0.01",
        "interval over images [−0.900, −0.700]",
        "ceiling held fixed −0.280 [−0.380, −0.180] 77 undecided",
        "by CKA −0.060 [−0.300, +0.200]",
        "null: random directions −0.705 beaten (difference p = 0.2)",
        "null: the untrained network −0.345 not beaten (difference p = 0.2)",
        "Accuracy is at a ceiling.",
    ):
        assert told in own, told
    assert "size +0.800 effect size" in made(run)[1].sections["q2"]


def test_the_figure_of_the_claim_that_answers_comes_first_and_is_in_the_page(run):
    _, read = made(run)
    shown = [attributes["id"] for tag, attributes in read.elements if tag == "figure"]
    assert [name for name in shown if name[:2] in ("q1", "q3")] == ["q1_spectrum", "q1_map", "q3_teleport", "q3_flow"]
    assert sorted(shown) == sorted(DRAWN)
    sources = dict(zip(shown, read.all("img", "src"), strict=True))
    for name, source in sources.items():
        kind, _, content = source.partition(";base64,")
        smallest = min((run / "figures" / f"{name}.{k}" for k in ("svg", "png")), key=lambda path: path.stat().st_size)
        assert base64.b64decode(content) == smallest.read_bytes()
        assert kind == f"data:image/{ {'.svg': 'svg+xml', '.png': 'png'}[smallest.suffix] }"
    assert all(read.all("img", "alt"))
    assert set(read.all("img", "width")) == {str(round(1.9 * 3 * 72))}


def test_captions_are_told_with_the_values_of_the_run(run):
    own = made(run, questions={"confidence": 0.8}, probes={"folds": 7})[1].sections
    assert "code in that layer (7-fold cross-fitting" in own["q1"]
    assert "a 80 % interval" in own["claims"]
    assert "{{" not in own["claims"]
    assert "near 0, the first layer already tells the feature" in own["q1"]


def test_every_link_leads_to_what_is_there(run):
    """But for the pages that other rules write."""
    (run / "provenance.json").write_text("{}")
    (run / "findings.md").write_text("")
    _, read = made(run, record={"calls": [CALL]})
    here = set(read.all("section", "id")) | set(read.all("figure", "id"))
    links = read.all("a", "href")
    assert "figures/q1_spectrum.pdf" in links
    for link in links:
        file, _, address = link.partition("#")
        if link.startswith("https://arxiv.org/"):
            continue
        if file:
            assert file in ("explorer.html", "report.html") or (run / file).is_file(), link
        else:
            assert address in here or address == "a_local", link  # which this run did not draw
    assert f"explorer.html#{FIGURES['q2_emergence'].explorer}" in links
    assert len(set(read.all("section", "id"))) == len(read.all("section", "id"))


def test_a_page_asks_for_nothing_and_runs_nothing(run):
    text, read = made(run)
    assert {tag for tag, _ in read.elements}.isdisjoint({"script", "iframe", "object", "embed", "form"})
    assert [link for link in read.all("link", "href") if link != "data:,"] == []
    assert all(source.startswith("data:") for source in read.all("img", "src"))
    assert "@import" not in text
    assert "url(" not in text
    assert not [name for _, attributes in read.elements for name in attributes if name.startswith("on")]


def test_names_are_text_whatever_they_look_like(tmp_path):
    table = features(classes=HOSTILE)
    told = finding("q1.spectrum", statistic=HOSTILE[0], note=HOSTILE[1], figure="q1_spectrum", unit=HOSTILE[2])
    run = write_answered(tmp_path / "run", [told], table, left_out={HOSTILE[1]: HOSTILE[0]}, figures=["q1_spectrum"])
    record = {"calls": [CALL | {"packages": {HOSTILE[1]: HOSTILE[0]}}]}
    _, read = made(run, figures=["q1_spectrum"], record=record, data={"path": HOSTILE[0]}, features={"jobs": 2})
    for name in HOSTILE:
        assert name in read.text
    assert {tag for tag, _ in read.elements}.isdisjoint({"script"})
    assert "x" not in read.all("img", "src")
    assert "node<7>" in read.sections["provenance"]


@pytest.mark.parametrize(
    "given",
    [
        "<b id=x>",
        "`link <javascript:alert(1)>`_",
        "\n\n.. include:: /etc/passwd\n\n",
        "\n\n.. raw:: html\n\n   <b id=x>\n\n",
        "{{ snakemake.config }}",
        "name_ and [1]_ and |x|",
    ],
)
def test_a_caption_takes_no_markup_and_no_file_from_the_configuration(given):
    html = caption_html("Layers {{ snakemake.config['layer'] }} are **read**.", {"layer": given})
    assert "<strong>read</strong>" in html
    assert "<b " not in html
    assert "root:" not in html
    assert Read(html).all("a", "href") == []
    assert Read(html).text == f"Layers {' '.join(given.split())} are read ."


def test_on_top_stands_what_was_studied(tmp_path):
    table = features(per_class=3).assign(seed=0)
    table.loc[1, "complexity"] = np.nan
    run = write_answered(tmp_path / "run", FOUND, table, figures=(), accuracy=0.875, skipped=2)
    read = made(run, figures=(), training={"epochs": 9})[1]
    for told in (
        "strata:resnet, trained here for 9 epochs; features are decoded from 9 layers, stem to block-08",
        "6 of digits, 2 classes (a, b); 4 to train, 2 to test; 32 × 32 pixels; 2 that could not be read are left out",
        "0.875 on test images after the last epoch; chance is 0.500",
        "6, 3 a class, by nmf of the penultimate layer; 1 of them constant, and left out of the claims",
    ):
        assert told in read.text.replace("10 a class", "3 a class"), told


def test_a_network_from_elsewhere_and_one_whose_accuracy_is_unknown_are_told_so(run):
    history = tables.read(run / "seed-0/training.csv").assign(accuracy=np.nan)
    tables.write(run / "seed-0/training.csv", history)
    read = made(run, model={"source": "torchvision:resnet50", "weights": "V2"})[1]
    assert "torchvision:resnet50, with the published weights V2" in read.text
    assert "not measured, because the head tells other classes" in read.text
    assert "with the checkpoints a-1.pt" in made(run, model={"checkpoints": ["a-1.pt"]})[1].text


def test_many_classes_are_counted_and_not_named(tmp_path):
    names = [f"class-{i}" for i in range(13)]
    run = write_answered(tmp_path / "run", FOUND, features(), classes=names, figures=())
    text = made(run, figures=())[1].text
    assert "13 classes;" in text
    assert "class-3" not in text


def test_a_question_that_is_not_asked_says_why_and_keeps_its_address(tmp_path):
    left_out = {"question 2": "there is one checkpoint", "q2.growth": "this run has no history"}
    found = [f for f in FOUND if f.question != "2"]
    run = write_answered(tmp_path / "run", found, features(), left_out=left_out, figures=["q1_spectrum"])
    read = made(run, figures=["q1_spectrum"])[1]
    assert "not tested Not tested in this run, because there is one checkpoint." in read.sections["q2"]
    assert "question 2, because there is one checkpoint" in read.sections["provenance"]
    assert "last (q2.growth), because this run has no history" in read.sections["provenance"]
    assert "mark not-tested" in read.all("svg", "class")


def test_what_is_not_defined_is_said_in_words(tmp_path):
    nothing = dict.fromkeys(("value", "ci_low", "ci_high", "p_value", "effect", "images_low", "images_high"))
    found = [finding("q1.spectrum", verdict="undecided")]
    for name, value in nothing.items():
        setattr(found[0], name, value)
    found[0].given = [held("ceiling", 0.1, "undecided") | {"value": None, "ci_low": None, "ci_high": None}]
    run = write_answered(tmp_path / "run", found, features(per_class=1, classes="a"), figures=())
    _, read = made(run, figures=())
    assert "because the number is not defined in it" in read.sections["q1"]
    assert "this run not defined 20 features undecided" in read.sections["q1"]
    assert "ceiling held fixed not defined" in read.sections["q1"]
    assert not re.search(r"\bnan\b", read.text.lower())
    assert "None" not in read.text


def test_of_several_seeds_each_is_told(tmp_path):
    seeds = [{"seed": s, "value": 0.1 * s, "ci_low": 0.0, "ci_high": 1.0, "verdict": "undecided"} for s in (0, 3)]
    table = features()
    both = np.repeat([0, 3], len(table))
    table = table.iloc[[*range(len(table))] * 2].assign(seed=both)
    run = write_answered(tmp_path / "run", [finding("q1.spectrum", by_seed=seeds)], table, figures=())
    read = made(run, figures=(), seeds=[0, 3])[1]
    assert "seed 3 alone +0.300 [+0.000, +1.000] undecided" in read.sections["q1"]
    assert "0.900, 0.900 on test images" in read.text
    assert "over 2 networks" in read.sections["answers"]
    assert "Seeds: 0, 3." in read.sections["provenance"]


def test_the_same_run_gives_the_same_bytes_also_after_a_call_has_ended(run):
    record = {"calls": [CALL], "rules": {}}
    ended = {"calls": [CALL | {"ended": "2026-02-02", "outcome": "done"}], "rules": {"draw": {"seconds": 3.0}}}
    assert made(run, record=record)[0] == made(run, record=ended)[0] == made(run, record=record)[0]
    assert made(run, overwrite=True)[0] == made(run)[0]


def test_what_made_it_stands_at_the_end(run):
    own = made(run, record={"calls": [CALL, CALL | {"strata": {"version": "1.1.1"}}]}, training={"momentum": 0.55})[1]
    for told in (
        "2026-01-02T03:04:05+00:00 9.8.7 0123abcd and changes 3.11.4 node<7>: Linux, 3 CPUs, 5.5 GiB, H100",
        "1.1.1 not of a repository",
        "torch 2.9.9",
        "momentum: 0.55",
    ):
        assert told in own.sections["provenance"], told
    assert "there is no provenance.json" in made(run)[1].sections["provenance"]


def test_findings_are_read_as_they_were_written(run):
    written = json.loads((run / "findings.json").read_text())
    written[0]["verdict"] = "undecided"
    (run / "findings.json").write_text(json.dumps(written))
    assert "1 What do features look like, simple to complex? undecided" in made(run)[1].sections["answers"]
