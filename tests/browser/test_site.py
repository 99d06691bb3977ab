"""The site that `make docs` has built, opened from the disk."""

from pathlib import Path

import pytest

SITE = Path(__file__).parents[2] / "docs/_build/html"
PAGES = sorted(path.name for path in SITE.glob("*.html"))

pytestmark = pytest.mark.skipif(not PAGES, reason="no site is built (make docs)")


@pytest.fixture
def opened_of_site(chromium):
    """What opens a page of the site, of which none may ask for anything but files, or fail."""
    said = []
    context = chromium.new_context(viewport={"width": 1280, "height": 900})

    def open_page(address):
        page = context.new_page()
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
        page.goto(f"{SITE.as_uri()}/{address}")
        return page

    yield open_page
    context.close()
    assert said == []


def test_no_page_needs_a_network_or_is_wider_than_its_window(opened_of_site):
    wide = []
    for name in PAGES:
        page = opened_of_site(name)
        for width in (1280, 420):
            page.set_viewport_size({"width": width, "height": 900})
            if page.evaluate("document.documentElement.scrollWidth") > width:
                wide.append((name, width))
        page.close()
    assert wide == []


def test_formulas_are_set(opened_of_site):
    page = opened_of_site("method.html")
    page.wait_for_selector("mjx-container svg", state="attached")
    assert page.locator("mjx-container").count() == page.locator(".math").count() > 30
    assert page.locator("mjx-merror").count() == 0


def test_the_search_finds(opened_of_site):
    page = opened_of_site("search.html?q=penalty")
    page.get_by_role("link", name="The method, and where it leaves the paper").last.wait_for()


def test_the_explorer_of_a_run_is_within(opened_of_site):
    page = opened_of_site("index.html")
    frame = page.locator("iframe").last
    if not frame.count():
        pytest.skip("the site was built where no run is finished")
    frame.scroll_into_view_if_needed()
    frame.content_frame.get_by_text("features").first.wait_for()
