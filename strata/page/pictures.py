"""Figures on a page: their pictures as part of it, their captions, and the files beside it."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from markupsafe import Markup

from strata.figures.catalogue import Figure
from strata.page.captions import caption_html

_TYPES = {"svg": "image/svg+xml", "png": "image/png"}
_ZOOM = 1.9  # pixels of a page a point of the drawing: letters of a figure are as large as those beside it


@dataclass(frozen=True)
class Picture:
    """A figure on a page.

    Attributes
    ----------
    name, title
        As the catalogue has them.
    source
        Its picture, as an address that holds it.
    caption
        What one sees and how it was computed, as HTML.
    width, height
        In pixels of the page, where that is wide enough.
    files
        What a file beside the page is, to where it is.
    explorer
        Where the explorer shows the same feature by feature; empty where it does not.
    """

    name: str
    title: str
    source: str
    caption: Markup
    width: int
    height: int
    files: Mapping[str, str]
    explorer: str


def picture(folder: Path, figure: Figure, *, config: Mapping[str, Any]) -> Picture:
    """Return a figure of a run as a page shows it: as SVG or as PNG, whichever takes less.

    Parameters
    ----------
    folder
        The folder of the run.
    figure
        A record of the catalogue.
    config
        The configuration of the run, as plain values.
    """
    drawings = [folder / "figures" / f"{figure.name}.{kind}" for kind in _TYPES]
    smallest = min(drawings, key=lambda path: path.stat().st_size)
    content = base64.b64encode(smallest.read_bytes()).decode()
    drawn = {kind.upper(): f"figures/{figure.name}.{kind}" for kind in ("svg", "pdf", "png")}
    width, height = _size(drawings[0])
    return Picture(
        name=figure.name,
        title=figure.title,
        source=f"data:{_TYPES[smallest.suffix[1:]]};base64,{content}",
        caption=caption_html(figure.caption, config),
        width=width,
        height=height,
        files={"numbers (CSV)": f"tables/{figure.name}.csv", **drawn},
        explorer=f"explorer.html#{figure.explorer}" if figure.explorer else "",
    )


def _size(drawing: Path) -> tuple[int, int]:
    """Return the width and height of an SVG file on a page, from the points that it tells."""
    _, root = next(iter(ElementTree.iterparse(drawing, events=["start"])))
    width, height = (round(_ZOOM * float(root.attrib[side].removesuffix("pt"))) for side in ("width", "height"))
    return width, height
