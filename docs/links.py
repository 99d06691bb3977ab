"""Follow every link in a built site, of which nothing may need a network: `python docs/links.py docs/_build/html`."""

import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

RUN = "_static/digits"  # pages of a run, whose links tests of their own follow


def broken(site: Path) -> list[str]:
    """Return the links that lead nowhere, and what a page would have to fetch from elsewhere."""
    paths = [path for path in site.rglob("*.html") if not path.is_relative_to(site / RUN)]
    pages = {path: BeautifulSoup(path.read_text(), "html.parser") for path in paths}
    ids = {path: {tag["id"] for tag in page.find_all(id=True)} for path, page in pages.items()}
    found = []
    for path, page in pages.items():
        for tag in page.find_all(["a", "img", "script", "link", "iframe"]):
            address = tag.get("href") or tag.get("src") or ""
            if not (tag.name == "a" and urlsplit(address).scheme) and not leads(address, path, ids):
                found.append(f"{path.relative_to(site)}: {address}")
    return found


def leads(address: str, page: Path, ids: dict[Path, set[str]]) -> bool:
    """Say whether an address on a page leads to a file of the site, and to a place that this has."""
    link = urlsplit(address)
    if link.scheme or link.netloc:
        return link.scheme == "data"
    path = (page.parent / unquote(link.path)).resolve() if link.path else page
    return path.exists() and (not link.fragment or path not in ids or unquote(link.fragment) in ids[path])


if __name__ == "__main__":
    sys.exit("\n".join(broken(Path(sys.argv[1]).resolve())) or 0)
