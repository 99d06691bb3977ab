"""Answers: from verdict, nulls and what is held fixed to a sentence that a person would say."""

import re

import pytest
from finished_runs import null

from strata.claims import testing
from strata.claims.answers import NOT_TESTED, agreement, answers, found_by_paper, is_opposite, sentence
from strata.claims.finding import Finding
from strata.claims.registry import CLAIMS

REGISTERED = {claim.id: claim for claim in CLAIMS}
STRONG = 0.5
CONFOUNDS = ("ceiling", "firing rate and mean code", "all of these")


def given(name, verdict="supported", value=-0.4):
    return {"given": name, "value": value, "ci_low": value - 0.1, "ci_high": value + 0.1, "n": 90, "verdict": verdict}


def finding(id, value, low, high, *, alone, because=(), **more):
    """Return a finding about a claim of the registry, judged as `strata.claims.testing` judges."""
    claim = REGISTERED[id]
    because = [*because, *(f"no more than in the null {n['null']}" for n in more.get("nulls", []) if not n["beaten"])]
    told = {"question": claim.question, "claim": claim.claim, "statistic": claim.statistic, "n": 100, "p_value": 0.01}
    told |= {"ci_low": low, "ci_high": high, "alone": alone, "verdict": "undecided" if because else alone}
    return Finding(id=id, value=value, because=because, **told, **more)


def bias(**more):
    return finding("q4.simplicity_bias", -0.84, -0.88, -0.8, **{"alone": "supported"} | more)


def test_what_holds_beyond_nulls_and_confounds_is_said_so():
    f = bias(nulls=[null("random directions", -0.705, True)], given=[given(name) for name in CONFOUNDS])
    assert sentence(f) == (
        "Simple features are more important to the trained network than complex ones (ρ = −0.84, between −0.88 and "
        "−0.80), more so than with random directions (−0.70); and so among features alike in ceiling, firing rate and "
        "mean code."
    )
    assert agreement(f) == "this run agrees"


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (["ceiling"], "but among features alike in ceiling that does not clearly hold."),
        (
            ["all of these"],
            "but among features alike in ceiling, firing rate and mean code that does not clearly hold.",
        ),
        (CONFOUNDS, "but among features alike in ceiling, in firing rate and mean code or in both that does not"),
        (["relative complexity"], "but with relative complexity that does not clearly hold."),
        (["ceiling", "stable features"], "among features alike in ceiling or among stable features that does not"),
    ],
)
def test_what_does_not_hold_among_features_that_are_alike_is_said_so(lost, said):
    ways = [*CONFOUNDS, "relative complexity", "stable features"]
    f = bias(given=[given(way, "undecided" if way in lost else "supported") for way in ways])
    assert said in sentence(f)
    assert agreement(f) == "this run agrees, as far as the plain correlation goes"


def test_what_nulls_show_as_well_is_no_finding():
    nulls = [null("random directions", -0.9, False), null("the untrained network", -0.1, True)]
    f = bias(nulls=nulls, given=[given("ceiling", "undecided")])
    said = sentence(f)
    assert said.endswith(
        "but not clearly more so than with random directions (−0.90), so it is no finding about what was learned."
    )
    assert "untrained" not in said
    assert f.verdict == "undecided"
    assert agreement(f) == "this run finds the same, but also where there is nothing to find"


def test_two_nulls_are_named_both():
    f = bias(nulls=[null("one", -0.9, False), null("other", -0.8, False)])
    assert "with one (−0.90) or other (−0.80), so" in sentence(f)


@pytest.mark.parametrize(
    ("id", "ends", "said"),
    [
        ("q2.growth", (-0.1, 0.02), "between −0.10 and 0.02, on either side of zero."),
        ("q3.teleport", (-0.5, 0.2), "between −0.50 and 0.20, on either side of the margin of −0.1."),
        ("q2.emergence", (0.05, 0.4), "between 0.05 and 0.40, on either side of the margin of 0.1."),
        ("a.local", (-0.4, -0.1), "between −0.40 and −0.10, on either side of the margin of ±0.3."),
        ("a.local", (0.1, 0.4), "on either side of the margin of ±0.3."),
        ("q1.continuity", (0.8, 1.5), "on either side of the margin of 1."),
    ],
)
def test_what_an_interval_leaves_open_is_said_with_the_margin_that_it_crosses(id, ends, said):
    f = finding(id, sum(ends) / 2, *ends, alone="undecided")
    assert sentence(f).startswith(f"This run cannot tell whether {REGISTERED[id].said.yes}: ")
    assert sentence(f).endswith(said)
    assert agreement(f) == "this run cannot tell"


def test_what_only_the_correction_leaves_open_is_said_with_the_adjusted_p_value():
    f = finding("q4.sedimentation", -0.12, -0.23, -0.01, alone="undecided", p_adjusted=0.059)
    assert sentence(f).endswith("which is not sure enough with all claims tested together (adjusted p = 0.059).")
    f.p_adjusted = None
    assert sentence(f).endswith("between −0.23 and −0.01, which is not sure enough.")


@pytest.mark.parametrize(
    ("id", "ends", "opposite"),
    [
        ("q2.growth", (-0.05, -0.03), True),
        ("q4.sedimentation", (0.03, 0.16), True),
        ("q3.teleport", (-0.05, 0.3), False),
        ("q3.teleport", (0.07, 0.3), False),  # not as far on the other side as the claim asks for on its own
        ("q3.teleport", (0.11, 0.3), True),
        ("q2.emergence", (-0.3, -0.11), True),
        ("q2.emergence", (-0.3, -0.05), False),
        ("q2.emergence", (-0.3, 0.05), False),
        ("a.local", (-0.7, -0.4), False),
        ("q1.spectrum", (0.01, 0.05), False),
    ],
)
def test_what_does_not_hold_is_told_from_its_opposite(id, ends, opposite):
    f = finding(id, sum(ends) / 2, *ends, alone="not supported")
    said = REGISTERED[id].said
    words = said.opposite if opposite else said.no
    assert sentence(f).startswith(f"{words[0].upper()}{words[1:]} (")
    assert is_opposite(f) == opposite
    assert agreement(f) == ("this run finds the opposite" if opposite else "this run does not agree")


@pytest.mark.parametrize(
    "why",
    ["the network has not learned the task: accuracy 0.061 (chance 0.100)", "it rests on control.shuffled (undecided)"],
)
@pytest.mark.parametrize("alone", ["supported", "not supported", "undecided"])
def test_what_stands_in_the_way_of_a_verdict_is_all_that_is_said(why, alone):
    f = bias(alone=alone, because=[why], nulls=[null("random directions", -0.9, False)])
    assert sentence(f) == f"This run cannot tell whether {REGISTERED[f.id].said.yes}, because {why}."
    assert agreement(f) == "this run cannot tell"


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_number_that_is_not_defined_is_said_in_words(missing):
    f = finding("q4.simplicity_bias", missing, missing, missing, alone="undecided")
    assert sentence(f).endswith("than complex ones, because the number is not defined in it.")
    assert agreement(f) == "this run cannot tell"
    assert not is_opposite(f)


def test_small_numbers_are_told_with_a_digit_more_and_no_minus_before_zero():
    f = finding("q4.support", -0.0001, -0.002, 0.003, alone="undecided")
    assert "differs by 0.000 from" in sentence(f)
    assert "between −0.002 and 0.003" in sentence(f)


def test_a_claim_without_words_of_its_own_is_said_in_its_own():
    f = Finding("truth.x", "truth", "it is: so", "a share", 0.5, 0.4, 0.6, 0.01, 9, "supported", alone="supported")
    assert sentence(f) == "It is (a share: 0.50, between 0.40 and 0.60)."
    f.verdict = f.alone = "not supported"
    assert sentence(f).startswith("It is not so that it is (")
    f.verdict = f.alone = "undecided"
    assert (
        sentence(f)
        == "This run cannot tell whether it is: a share: 0.50, between 0.40 and 0.60, which is not sure enough."
    )
    assert (found_by_paper(f), agreement(f)) == ("", "")


def test_every_claim_but_the_controls_says_what_it_says_and_what_the_paper_found():
    of_paper = {id for id, claim in REGISTERED.items() if claim.question != "control"} - {"a.families"}
    assert {id for id, claim in REGISTERED.items() if claim.said} == of_paper | {"a.families"}
    assert {id for id, claim in REGISTERED.items() if claim.paper} == of_paper
    assert all(re.search(r"\(figures? \d", REGISTERED[id].paper) for id in of_paper)
    assert all(claim.said.number.count("{}") == 1 for claim in CLAIMS if claim.said)


def one_sentence(said):
    return re.fullmatch(r"[A-ZΓ].*[^.]\.", said) and not re.search(r"\.\s|\{|nan|None|\s\s", said)


@pytest.mark.parametrize(
    "effects",
    [
        {},
        {"emergence": STRONG, "bias": -STRONG, "teleport": -STRONG, "together": 0.1},
        {"emergence": -STRONG, "bias": STRONG, "teleport": STRONG, "growth": -STRONG},
        {"shuffled": 0.1, "emergence": STRONG},
        {"accuracies": (0.3, 0.35, 0.32, 0.34)},
    ],
    ids=["nothing", "as the paper", "the opposite", "a control that fails", "not learned"],
)
def test_all_claims_of_real_tables_are_said_in_one_sentence_each(claims, effects):
    found = list(claims(**effects).values())
    for f in found:
        assert one_sentence(sentence(f)), sentence(f)
    for answer in answers(found, {}):
        first = next(f for f in found if f.question == answer.question)
        assert (answer.finding, answer.verdict, answer.said) == (first.id, first.verdict, sentence(first))


def test_the_answers_of_a_run_in_which_the_paper_holds_are_the_papers(claims):
    found = list(claims(emergence=STRONG, bias=-STRONG, teleport=-STRONG).values())
    said = {answer.question: answer for answer in answers(found, {})}
    assert {question: answer.verdict for question, answer in said.items()} == dict.fromkeys("1234", "supported")
    assert [answer.asked for answer in said.values()][1] == "When are they learned?"
    for question, words in (
        ("1", "Features range from"),
        ("2", "Complex features become decodable later"),
        ("4", "Simple"),
    ):
        assert said[question].said.startswith(words)


def test_of_several_networks_it_is_the_number_over_networks_that_is_said(measured, two_seeds, settings):
    found = testing.findings(settings, **two_seeds(measured(emergence=STRONG), measured(emergence=STRONG, seed=5)))
    f = next(f for f in found if f.id == "q2.emergence")
    assert f"ρ = {f.value:.2f}, between {f.ci_low:.2f} and {f.ci_high:.2f}" in sentence(f).replace("−", "-")


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ({"question 2": "of this", "q2.emergence": "of that"}, "Not tested in this run, because of this."),
        ({"q2.growth": "of that", "a.families": "of more"}, "Not tested in this run, because of that."),
        ({}, "Not tested in this run."),
    ],
)
def test_a_question_that_a_run_does_not_ask_says_why(claims, left_out, said):
    found = [f for f in claims().values() if f.question != "2"]
    answer = answers(found, left_out)[1]
    assert (answer.question, answer.verdict, answer.said, answer.finding) == ("2", NOT_TESTED, said, "")


def test_a_run_without_any_finding_has_four_answers_still():
    assert [answer.verdict for answer in answers([], {})] == [NOT_TESTED] * 4


def test_where_the_first_claim_of_a_question_is_not_tested_the_next_one_answers(claims):
    found = [f for f in claims().values() if f.id != "q2.emergence"]
    assert answers(found, {})[1].finding == "q2.growth"
