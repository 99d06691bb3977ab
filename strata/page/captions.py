"""Captions of figures as HTML: reStructuredText with Jinja in it, as Snakemake's report has them."""

import re
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from docutils.core import publish_parts
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from strata.plain import on_one_line

# A caption has the run's own words in it, which may neither bring markup nor files.
_MARKUP = re.compile(r"([^\w\s.,-]|_)")
_SAFE = {"raw_enabled": False, "file_insertion_enabled": False, "report_level": 5, "halt_level": 5}


def caption_html(caption: str, config: Mapping[str, Any]) -> Markup:
    """Return a caption as HTML.

    Parameters
    ----------
    caption
        As `strata.figures.catalogue.Figure` has it.
    config
        The configuration of the run, as plain values.
    """
    filled = Environment(undefined=StrictUndefined, finalize=_escaped).from_string(caption)
    text = filled.render(snakemake=SimpleNamespace(config=config))
    return Markup(publish_parts(text, writer="html5", settings_overrides=_SAFE)["body"])


def _escaped(value: Any) -> str:
    """Return a value as reStructuredText in which none of its signs means anything."""
    return _MARKUP.sub(r"\\\1", on_one_line(str(value)))
