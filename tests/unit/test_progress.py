import io

import pytest

from strata import progress as module
from strata.progress import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("total", [None, 3])
def test_in_a_log_progress_passes_every_item_through_and_says_nothing_of_what_takes_a_moment(capsys, total):
    assert list(progress(iter("abc"), "caching", total=total)) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("total", "of"), [(None, "?"), (5, "5")])
def test_in_a_log_it_is_a_line_a_minute(capsys, monkeypatch, total, of):
    monkeypatch.setattr(module, "_MINUTE", 0.0)
    assert list(progress(iter("abc"), "caching", total=total, initial=2)) == ["a", "b", "c"]
    assert capsys.readouterr().err.splitlines() == [f"caching: {done} of {of}" for done in (2, 3, 4)]


def test_on_a_terminal_it_is_a_bar_there(capsys, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(module, "terminal", screen)
    monkeypatch.setattr(module, "_DELAY", 0.0)
    assert list(progress("abc", "caching")) == ["a", "b", "c"]
    assert "caching" in screen.getvalue()
    assert "\n" not in screen.getvalue()
    assert capsys.readouterr().err == ""
