"""Which runs are compared, and what is refused."""

import json

import pytest
from finished_runs import features, finding, write_run

from strata.comparison import runs
from strata.errors import StrataError


@pytest.fixture
def results(tmp_path):
    for name in ("one", "two"):
        write_run(tmp_path / "results" / name, [finding("q2.emergence")], features())
    return tmp_path / "results"


def refusal(names, results):
    with pytest.raises(StrataError) as error:
        runs.found(names, results=results)
    text = str(error.value)
    assert "\n" not in text
    return text


def test_runs_are_found_by_name_and_by_path(results, tmp_path):
    elsewhere = write_run(tmp_path / "elsewhere" / "three", [finding("q2.emergence")], features())
    found = runs.found(["one", str(elsewhere)], results=results)
    assert found == {"one": str(results / "one"), "three": str(elsewhere)}


def test_runs_of_one_name_in_two_folders_are_called_as_they_are_given(results, tmp_path):
    elsewhere = write_run(tmp_path / "elsewhere" / "one", [finding("q2.emergence")], features())
    assert list(runs.found(["one", str(elsewhere)], results=results)) == ["one", str(elsewhere)]


@pytest.mark.parametrize("names", [[], ["one"]])
def test_fewer_than_two_runs_are_refused(results, names):
    assert "must name at least 2 finished runs" in refusal(names, results)


def test_a_run_named_twice_is_refused(results):
    assert "found one 2 times" in refusal(["one", "two", "one"], results)
    path = str(results / "two")
    assert f"two and {path} are one run" in refusal(["two", "one", path], results)


def test_a_run_that_does_not_exist_is_named_with_those_that_do(results):
    said = refusal(["one", "tow"], results)
    assert f"names tow, but {results / 'tow'} does not exist" in said
    assert said.endswith(": one, two")


@pytest.mark.parametrize("name", runs.READ)
def test_a_run_that_has_not_ended_is_named_with_what_it_lacks(results, name):
    (results / "two" / name).unlink()
    assert f"{results / 'two'} holds no finished run (no {name})" in refusal(["one", "two"], results)


def test_a_run_of_another_version_is_named_with_how_it_differs(results):
    path = results / "two" / "findings.json"
    said = json.loads(path.read_text())
    for change, words in (
        ([{k: v for k, v in said[0].items() if k != "given"}], "findings.json lacks given"),
        ([said[0] | {"spearman": 0.1}], "findings.json has spearman"),
        ({"claims": 3}, "findings.json lacks"),
        (3, "findings.json is no list of findings"),
    ):
        path.write_text(json.dumps(change))
        text = refusal(["one", "two"], results)
        assert "run two was made by another version of Strata" in text
        assert words in text
        assert "run it again" in text
    path.write_text("[{")
    assert "is no list of findings" in refusal(["one", "two"], results)
    path.write_text(json.dumps(said))
    write_run(results / "two", [finding("q2.emergence")], features().drop(columns="relative_complexity"))
    assert "features.csv lacks the column relative_complexity" in refusal(["one", "two"], results)


def test_another_number_in_a_run_is_another_digest(results):
    before = runs.digest(results / "one")
    assert before == runs.digest(results / "two")
    write_run(results / "one", [finding("q2.emergence", 0.51)], features())
    assert runs.digest(results / "one") != before
