"""Findings as they are written: as data, and as a page to read."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from strata.claims import findings, testing
from strata.claims.finding import Finding
from strata.claims.registry import CLAIMS

STRONG = 0.5


def by_id(t, settings):
    return {f.id: f for f in testing.findings(settings, **t)}


@pytest.fixture
def claims(measured, settings):
    return lambda **effects: by_id(measured(**effects), settings)


@pytest.fixture
def all_as_local(measured, settings):
    """Findings of a run in which all directions are as local: what that relates to is not defined."""
    tables = measured()
    tables["features"]["hoyer"] = 0.5
    found = testing.findings(settings, **tables)
    assert math.isnan({f.id: f for f in found}["a.local"].value)
    return found


def test_findings_are_json_without_nan(all_as_local, settings, tmp_path):
    findings.write_findings(all_as_local, [], run="tiny", settings=settings, folder=tmp_path)

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


def page(found, settings, folder, notes=()):
    findings.write_findings(found, notes, run="tiny", settings=settings, folder=folder)
    return (folder / "findings.md").read_text()


def paragraph(text, f):
    """Return the lines about a claim, in one."""
    return " ".join(text[text.index(f"**{f.claim[0].upper()}{f.claim[1:]}: ") :].split("\n\n")[0].split())


def test_findings_read_as_paragraphs_by_question_then_a_table_then_notes(all_as_local, settings, tmp_path):
    text = page(all_as_local, settings, tmp_path, ["accuracy 0.99", "all is well"])
    lines = text.splitlines()
    assert lines[0] == "# Findings of run tiny"
    headings = [line for line in lines if line.startswith("## ")]
    assert headings[0].startswith("## 1. ")
    assert headings[3].startswith("## 4. ")
    assert headings[-3:] == ["## Controls", "## All claims", "## Notes"]
    assert max(map(len, lines)) <= 125  # for a terminal
    for f in all_as_local:
        told = paragraph(text, f)
        assert f.statistic in told
        assert f"n = {f.n} {f.unit}" in told
        if f.id != "a.local":
            assert told.split("**")[1].endswith(f": {f.verdict}.")
            assert f"{f.value:+.3f} [{f.ci_low:+.3f}, {f.ci_high:+.3f}]" in told
            assert f"(figures/{f.figure}.png)" in told
            assert f"p = {f.p_value:.2g}" in told
        if f.p_adjusted is not None and not math.isnan(f.p_adjusted):
            assert f"adjusted {f.p_adjusted:.2g}" in told
        if f.spearman is not None and f.id != "a.local":
            assert f"Spearman {f.spearman:+.3f} [{f.spearman_low:+.3f}, {f.spearman_high:+.3f}]" in told
        if f.images_low is not None:
            assert f"over images [{f.images_low:+.3f}, {f.images_high:+.3f}]" in told
        if f.effect is not None and f.effect != f.value:
            assert f"{f.effect:.2f} ({f.effect_name})" in told
        assert "seed" not in told
    assert lines[-2:] == ["- accuracy 0.99", "- all is well"]


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
            assert f"{f.value:+.3f} [{f.ci_low:+.3f}, {f.ci_high:+.3f}]" in cells


def test_the_page_begins_with_how_many_claims_hold_and_whether_the_controls_do(claims, settings, tmp_path):
    found = list(claims(bias=-STRONG, emergence=-STRONG).values())
    verdicts = [f.verdict for f in found if f.question != "control"]
    start = " ".join(page(found, settings, tmp_path).split())
    assert f"Of {len(verdicts)} claims: {verdicts.count('supported')} supported, " in start
    assert f"{verdicts.count('not supported')} not supported, " in start
    assert "all 3 controls hold" in start
    broken = list(claims(trained=-0.2).values())
    assert "not all controls hold: control.untrained (not supported)" in " ".join(
        page(broken, settings, tmp_path).split()
    )


def test_a_claim_whose_control_fails_says_why_it_is_undecided(claims, settings, tmp_path):
    found = claims(trained=-0.2, emergence=STRONG)
    text = page(list(found.values()), settings, tmp_path)
    told = paragraph(text, found["q2.emergence"])
    assert ": undecided.**" in told
    assert "rests on control.untrained (not supported)" in told
    assert "rests on" not in paragraph(text, found["q1.spectrum"])


def test_seeds_are_told_on_the_page(measured, two_seeds, settings, tmp_path):
    found = by_id(two_seeds(measured(emergence=STRONG), measured(emergence=STRONG, seed=5)), settings)
    told = paragraph(page(list(found.values()), settings, tmp_path), found["q2.emergence"])
    for seed in found["q2.emergence"].by_seed:
        assert f"{seed['seed']}: {seed['value']:+.3f} [" in told
    assert f"standard deviation between seeds {found['q2.emergence'].seeds_sd:.3f}" in told


def test_a_seed_in_which_a_claim_is_not_defined_is_said_in_words(measured, two_seeds, settings, tmp_path):
    constant = measured(seed=5)
    constant["features"]["importance"] = 1.0
    found = by_id(two_seeds(measured(bias=-STRONG), constant), settings)
    bias = found["q4.simplicity_bias"]
    assert bias.verdict == "supported"
    told = paragraph(page(list(found.values()), settings, tmp_path), bias)
    assert "1: not defined." in told
    assert "nan" not in told
    assert json.loads((tmp_path / "findings.json").read_text())[4]["seeds_sd"] is None


def test_an_undefined_value_is_said_in_words(all_as_local, settings, tmp_path):
    text = page(all_as_local, settings, tmp_path)
    assert "not defined in this run" in paragraph(text, {f.id: f for f in all_as_local}["a.local"])
    assert "nan" not in text


def test_notes_say_how_good_the_network_and_the_codes_are_and_what_is_missing():
    said = findings.notes(
        pd.DataFrame({"complexity": [0.1, np.nan, 0.3]}),
        pd.DataFrame({"epoch": [0, 2, 2], "r2": [0.0, 0.9, 0.8], "zeros": [0.0, 0.5, 0.7], "unsolved": [9, 1, 2]}),
        history=pd.DataFrame({"epoch": [0, 2, 0, 2], "accuracy": [0.1, 0.9, 0.1, 0.8]}),
        skipped=pd.DataFrame({"image": [f"cat/{i}.png" for i in range(7)]}),
        left_out=["the figure a_superclasses"],
    )
    text = "\n".join(said)
    for part in ("0.8500", "R² 0.8500", "60.0% zeros", "3 images unsolved", "1 of 3", "skipped: 7", "cat/4.png", "…"):
        assert part in text
    assert "a_superclasses" in text
    assert "cat/5.png" not in text


def test_notes_are_silent_about_skipped_images_when_there_are_none():
    said = findings.notes(
        pd.DataFrame({"complexity": [0.1]}),
        pd.DataFrame({"epoch": [1], "r2": [1.0], "zeros": [0.0], "unsolved": [0]}),
        history=pd.DataFrame({"epoch": [1], "accuracy": [0.9]}),
        skipped=pd.DataFrame({"image": []}),
        left_out=[],
    )
    assert not any("skipped" in line or "a_superclasses" in line for line in said)
