"""What tests of pages share: Debian's Chromium, driven by Playwright, and a page that must neither ask nor complain."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

CHROMIUM = "chromium"
ARGUMENTS = ["--no-sandbox"]  # which root cannot have


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:  # of all folders
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def launch(playwright: Playwright) -> Callable[..., Browser]:
    """What starts a Chromium, with arguments of its command line."""
    return lambda *more: playwright.chromium.launch(executable_path=shutil.which(CHROMIUM), args=[*ARGUMENTS, *more])


@pytest.fixture(scope="session")
def chromium(launch: Callable[..., Browser]) -> Iterator[Browser]:
    browser = launch()
    yield browser
    browser.close()


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """What opens a file (and an address in it) in a window of its own: (path, address="", **window) → its page.

    At the end, no page may have asked for anything but itself, or have said anything on the console.
    """
    said: list[str] = []
    contexts = []

    def open_file(path: Path, address: str = "", *, browser: Browser = chromium, **window: object) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **window})
        contexts.append(context)
        page = context.new_page()
        own = path.absolute().as_uri()
        page.on("console", lambda message: said.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("request", lambda request: _local(request.url, own) or said.append(f"request: {request.url}"))
        page.goto(own + address)
        return page

    yield open_file
    for context in contexts:
        context.close()
    assert said == []


def _local(url: str, own: str) -> bool:
    """Whether an address is the page's own, or one that it made itself."""
    return url.partition("#")[0] == own or url.startswith(("data:", "blob:"))
