"""Findings as they are written: as data, and as a page to read."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from strata.claims import findings, testing
from strata.claims.answers import agreement, answers, found_by_paper, sentence
from strata.claims.finding import QUESTIONS, Finding
from strata.claims.registry import CLAIMS

STRONG = 0.5


def by_id(t, settings, **how):
    return {f.id: f for f in testing.findings(settings, **how, **t)}


@pytest.fixture
def all_as_local(measured, settings, told_before):
    """Findings of a run in which all directions are as local: what that relates to is not defined."""
    if "all as local" in told_before:
        return told_before["all as local"]
    tables = measured()
    tables["features"]["hoyer"] = 0.5
    found = testing.findings(settings, nulls={"random directions": measured(seed=7)}, **tables)
    told_before["all as local"] = found
    assert math.isnan({f.id: f for f in found}["a.local"].value)
    return found


def test_findings_are_json_without_nan(all_as_local, settings, tmp_path):
    findings.write_findings(all_as_local, [], left_out={}, run="tiny", settings=settings, folder=tmp_path)

    def refuse(constant):
        raise AssertionError(constant)

    read = json.loads((tmp_path / "findings.json").read_text(), parse_constant=refuse)
    keys = ["id", "question", "claim", "statistic", "value", "ci_low", "ci_high", "p_value", "n", "verdict"]
    assert [list(f)[:10] for f in read] == [keys] * len(CLAIMS)
    undefined = next(f for f in read if f["id"] == "a.local")
    assert [undefined[k] for k in ("value", "ci_low", "ci_high", "p_value", "effect")] == [None] * 5
    assert undefined["by_seed"][0]["value"] is None
    for f, plain in zip(all_as_local, read, strict=True):
        if f.id != "a.local":
            assert Finding(**plain) == f
            assert f.nulls or f.question == "control"


def page(found, settings, folder, notes=(), left_out=None):
    findings.write_findings(found, notes, left_out=left_out or {}, run="tiny", settings=settings, folder=folder)
    return (folder / "findings.md").read_text()


def written(p):
    return "< 0.001" if p < 0.001 else f"= {p:.2g}"


def number(value):
    """By hand: with a true minus sign."""
    return f"{value:+.3f}".replace("-", "−")


def interval(told):
    return f"{number(told['value'])} [{number(told['ci_low'])}, {number(told['ci_high'])}]"


def paragraph(text, f):
    """Return the lines about a claim, in one."""
    return " ".join(text[text.index(f"**{f.claim[0].upper()}{f.claim[1:]}: ") :].split("\n\n")[0].split())


def test_findings_read_as_answers_then_a_table_then_paragraphs_by_question_then_notes(all_as_local, settings, tmp_path):
    left_out = {"question 9": "it is asked by no one"}
    text = page(all_as_local, settings, tmp_path, ["accuracy 0.99", "all is well"], left_out)
    lines = text.splitlines()
    assert lines[0] == "# Findings of run tiny"
    assert lines[2:6] == [f"{a.question}. {a.asked} **{a.verdict}**: {a.said}" for a in answers(all_as_local, left_out)]
    headings = [line for line in lines if line.startswith("## ")]
    assert headings[0] == "## All claims"
    assert headings[1].startswith("## 1. ")
    assert headings[4].startswith("## 4. ")
    assert headings[-2:] == ["## Controls", "## Notes"]
    body = lines[lines.index(headings[1]) :]
    assert max(map(len, body)) <= 125  # for a terminal; answers are a line each
    for f in all_as_local:
        told = paragraph(text, f)
        assert f.statistic in told
        assert f"n = {f.n} {f.unit}" in told
        if f.id != "a.local":
            assert told.split("**")[1].endswith(f": {f.verdict}.")
            assert f"- raw: {f.statistic} = {interval(vars(f))}" in told
            assert f"(figures/{f.figure}.png)" in told
            assert f"p {written(f.p_value)}" in told
        if f.p_adjusted is not None and not math.isnan(f.p_adjusted):
            assert f"(adjusted {written(f.p_adjusted)})" in told
        if f.images_low is not None:
            assert f"over images [{number(f.images_low)}, {number(f.images_high)}]" in told
        if f.effect is not None and f.effect != f.value:
            assert f"; {f.effect_name} {number(f.effect)}" in told
        if f.id != "a.local":
            for g in f.given:
                assert f"{g['given']} {interval(g)}" in told.partition("- held fixed or in place: ")[2]
            for null in f.nulls:
                shown = f"{null['null']} {number(null['value'])} (difference p {written(null['p_value'])})"
                assert shown in told.partition("- nulls: ")[2]
            for also in f.beside:
                assert f"{also['what']} {interval(also)}" in told
        assert sentence(f) in told
        assert (f"The paper: {found_by_paper(f)}; {agreement(f)}." in told) == bool(found_by_paper(f))
        assert f.note[1:] in told
        assert "seed" not in told
    last = "- left out: question 9, because it is asked by no one"
    assert lines[-3:] == ["- accuracy 0.99", "- all is well", last]
    assert json.loads((tmp_path / "left_out.json").read_text()) == left_out


def test_the_table_of_findings_has_a_row_a_claim(all_as_local, settings, tmp_path):
    rows = [line for line in page(all_as_local, settings, tmp_path).splitlines() if line.startswith("|")]
    assert len(rows) == len(all_as_local) + 2
    assert len({line.count("|") for line in rows}) == 1
    assert len({len(line) for line in rows}) == 1  # columns are aligned for those who read the text itself
    for f, row in zip(all_as_local, rows[2:], strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[0] == f.id
        assert f"**{f.verdict}**" in cells
        if f.id != "a.local":
            assert cells[1] == interval(vars(f))
            assert cells[2] == next((interval(g) for g in f.given if g["given"] == "all of these"), "")
            nulls = [number(n["value"]) if n["beaten"] else f"[{number(n['value'])}]" for n in f.nulls]
            assert cells[3] == ", ".join(nulls)


HEADLINES = (
    "Holds, and is more than ceiling, size and nulls",
    "Holds, and is more than its nulls; no correlation, of which ceiling and size could be held fixed",
    "Holds, but not apart from something simpler",
    "Does not hold",
    "Undecided",
)


def headlines(text):
    """Return the groups that a page begins with: title to how many there are, and the claims in it."""
    groups = {}
    for line in text[: text.index("\n## ")].splitlines():
        if line.startswith("- **"):
            title, told = line.removeprefix("- **").split("** (", 1)
            count, _, claims = told.partition("): ")
            groups[title] = [count, *claims.split("; ")]
    return groups


def test_the_first_twenty_lines_say_what_holds_and_what_of_that_is_more_than_something_simpler(
    measured, settings, tmp_path
):
    """Of four claims, one of each group, beside others."""
    t = measured(emergence=STRONG, robustness=STRONG, growth=STRONG, redundancy=-STRONG)
    rng = np.random.default_rng(0)
    features = t["features"]
    features["importance"] = 2 - features["complexity"] + 0.05 * rng.normal(size=len(features))
    features["ceiling"] = 1 - features["complexity"] + 0.001 * rng.normal(size=len(features))
    found = by_id(t, settings, nulls={"random directions": measured(redundancy=-STRONG, seed=7)})
    text = page(list(found.values()), settings, tmp_path)
    groups = headlines(text)
    assert [*groups] == [title for title in HEADLINES if title in groups]
    claims = [f for f in found.values() if f.question != "control"]
    told = [line for _, *lines in groups.values() for line in lines]
    assert len(told) == len(claims)
    for (count, *lines), title in zip(groups.values(), groups, strict=True):
        assert count == f"{len(lines)} of {len(claims)}", title
    line = {f.id: f"{f.claim} ({f.id})" for f in claims}
    place = {name: next(title for title, own in groups.items() if of in own) for name, of in line.items()}
    _, beyond_nulls, partly, against, undecided = HEADLINES
    lines = text.splitlines()
    assert [line[:2] for line in lines[2:6]] == ["1.", "2.", "3.", "4."]
    assert lines[7].startswith("How sure: ")
    assert max(i for i, line in enumerate(lines) if line.startswith("- **")) < 20
    assert (place["q2.growth"], place["q1.spectrum"]) == (beyond_nulls, undecided)
    assert place["q4.simplicity_bias"] == partly
    assert place["a.robustness"] == against
    assert place["a.redundancy"] == undecided


@pytest.mark.slow
def test_the_page_says_how_sure_it_is_and_which_controls_do_not_hold(claims, settings, tmp_path):
    found = list(claims(emergence=STRONG).values())
    start = " ".join(page(found, settings, tmp_path).split("\n## ")[0].split())
    assert (
        "One network: intervals are over its classes (of support, over test images), and say nothing of other" in start
    )
    assert "with a p-value (Benjamini–Hochberg over 14 claims) below 0.05" in start
    assert "Controls that do not hold: none." in start
    broken = list(claims(trained=-0.2).values())
    start = " ".join(page(broken, settings, tmp_path).split())
    assert "Controls that do not hold: control.untrained (not supported)." in start


@pytest.mark.slow
def test_several_networks_are_said_to_be_what_intervals_are_over(measured, two_seeds, settings, tmp_path):
    found = by_id(two_seeds(measured(), measured(seed=5)), settings)
    start = " ".join(page(list(found.values()), settings, tmp_path).split())
    assert "2 networks, a statistic each: intervals are over networks." in start


def test_a_claim_whose_control_fails_says_why_it_is_undecided(claims, settings, tmp_path):
    found = claims(shuffled=0.1, emergence=STRONG)
    text = page(list(found.values()), settings, tmp_path)
    told = paragraph(text, found["q2.emergence"])
    assert ": undecided.**" in told
    why = "- undecided, though by itself supported, because it rests on control.shuffled (not supported) -"
    assert why in told
    whole = claims(emergence=STRONG)
    assert "rests on" not in page(list(whole.values()), settings, tmp_path)


def test_a_network_that_has_not_learned_is_told_beside_every_claim_of_learning(claims, settings, tmp_path):
    found = claims(emergence=STRONG, accuracies=(0.3, 0.35, 0.32, 0.34))
    text = page(list(found.values()), settings, tmp_path)
    assert "because the network has not learned the task: accuracy 0.340 (chance 0.333) - [figure]" in paragraph(
        text, found["q2.emergence"]
    )
    assert "not learned" not in paragraph(text, found["a.robustness"])


def test_what_is_not_defined_with_something_held_fixed_is_said_in_words(measured, settings, tmp_path):
    t = measured(bias=-STRONG)
    t["features"]["stability"] = 0.5  # none is stable
    found = by_id(t, settings)
    text = page(list(found.values()), settings, tmp_path)
    assert "stable features (cosine ≥ 0.9) not defined" in paragraph(text, found["q4.simplicity_bias"])
    assert "nan" not in text


@pytest.mark.parametrize(
    ("p", "said"), [(0.0, "p < 0.001"), (0.00099, "p < 0.001"), (0.001, "p = 0.001"), (0.25, "p = 0.25")]
)
def test_small_p_values_are_not_told_beyond_what_they_can_tell(settings, tmp_path, p, said):
    f = Finding("x", "1", "a claim", "a statistic", 0.5, 0.4, 0.6, p, 9, "supported", p_adjusted=p, figure="x")
    text = page([f], settings, tmp_path)
    assert f"{said} (adjusted {said.removeprefix('p ')})" in paragraph(text, f)
    (row,) = [line for line in text.splitlines() if line.startswith("| x ")]
    assert f"| {said.removeprefix('p ').removeprefix('= ')} " in row


@pytest.mark.slow
def test_seeds_are_told_on_the_page(measured, two_seeds, settings, tmp_path):
    found = by_id(two_seeds(measured(emergence=STRONG), measured(emergence=STRONG, seed=5)), settings)
    told = paragraph(page(list(found.values()), settings, tmp_path), found["q2.emergence"])
    for seed in found["q2.emergence"].by_seed:
        assert f"{seed['seed']}: {interval(seed)}" in told.partition("- by seed: ")[2]
    assert f"standard deviation between seeds {found['q2.emergence'].seeds_sd:.3f}" in told


@pytest.mark.slow
def test_a_seed_in_which_a_claim_is_not_defined_is_said_in_words(measured, two_seeds, settings, tmp_path):
    constant = measured(seed=5)
    constant["features"]["importance"] = 1.0
    found = by_id(two_seeds(measured(bias=-STRONG), constant), settings)
    bias = found["q4.simplicity_bias"]
    assert bias.verdict == "undecided"
    text = page(list(found.values()), settings, tmp_path)
    assert "not defined in this run (n = 240 features)" in paragraph(text, bias)
    assert "nan" not in text
    read = {f["id"]: f for f in json.loads((tmp_path / "findings.json").read_text())}["q4.simplicity_bias"]
    assert (read["value"], read["seeds_sd"], read["by_seed"][1]["value"]) == (None, None, None)
    assert read["by_seed"][0]["value"] == pytest.approx(bias.by_seed[0]["value"])


def test_an_undefined_value_is_said_in_words(all_as_local, settings, tmp_path):
    text = page(all_as_local, settings, tmp_path)
    assert "not defined in this run" in paragraph(text, {f.id: f for f in all_as_local}["a.local"])
    assert "nan" not in text


def test_tables_of_nulls_are_told_apart_by_what_the_nulls_are_called():
    features = pd.DataFrame({"null": ["random", "random", "untrained"], "seed": [0, 1, 0], "complexity": [1, 2, 3]})
    history = pd.DataFrame({"null": ["untrained"], "seed": [0], "accuracy": [0.1]})
    called = {"random": "random directions", "untrained": "the untrained network", "other": "not in this run"}
    found = findings.by_null({"features": features, "history": history}, called)
    assert list(found) == ["random directions", "the untrained network"]
    assert found["random directions"]["features"]["complexity"].tolist() == [1, 2]
    assert found["random directions"]["history"].empty
    assert found["the untrained network"]["history"]["accuracy"].tolist() == [0.1]


def test_tables_that_no_claim_looks_at_are_left_aside(measured, settings):
    t = measured(bias=-STRONG)
    more = {**t, "decoding": pd.DataFrame({"x": [1]}), "importance_targets": pd.DataFrame()}
    nulls = {"random directions": {**measured(seed=7), "decoding": pd.DataFrame()}}
    found, left_out = findings.judged(more, settings, nulls=nulls, layers=["stem"])
    assert {f.id for f in found} == {claim.id for claim in CLAIMS}
    assert left_out == {}
    assert {f.question for f in found} <= QUESTIONS.keys()


def test_notes_say_how_good_the_network_and_the_codes_are_and_what_is_missing():
    said = findings.notes(
        pd.DataFrame({"class": ["cat", "dog", "dog"], "complexity": [0.1, np.nan, 0.3]}),
        pd.DataFrame(
            {
                "epoch": [0, 2, 2],
                "r2": [0.0, 0.9, 0.8],
                "zeros": [0.0, 0.5, 0.7],
                "unsolved": [9, 1, 2],
                "ambiguous": [9, 4, 1],
            }
        ),
        history=pd.DataFrame({"epoch": [0, 2, 0, 2], "accuracy": [0.1, 0.9, 0.1, 0.8]}),
        skipped=pd.DataFrame({"image": [f"cat/{i}.png" for i in range(7)]}),
    )
    text = "\n".join(said)
    for part in (
        "0.8500",
        "R² 0.8500",
        "60.0% zeros",
        "3 images unsolved, 5 not unique",
        "1 of 3",
        "skipped: 7",
        "`cat/4.png` …",
        "classes: 2; intervals over fewer than 8 are over features",
    ):
        assert part in text
    assert "cat/5.png" not in text


def test_notes_are_silent_about_few_classes_and_skipped_images_when_there_are_none():
    said = findings.notes(
        pd.DataFrame({"class": list("abcdefgh"), "complexity": 0.1}),
        pd.DataFrame({"epoch": [1], "r2": [1.0], "zeros": [0.0], "unsolved": [0], "ambiguous": [0]}),
        history=pd.DataFrame({"epoch": [1], "accuracy": [0.9]}),
        skipped=pd.DataFrame({"image": []}),
    )
    assert not any("skipped" in line or "classes" in line for line in said)
