import pytest

from strata.progress import progress


@pytest.mark.parametrize("total", [None, 3])
def test_progress_passes_every_item_through_and_shows_what_runs(capsys, total):
    assert list(progress(iter("abc"), "caching", total=total)) == ["a", "b", "c"]
    shown = capsys.readouterr().err
    assert "caching" in shown
    assert ("0/3" in shown) == (total is not None)
