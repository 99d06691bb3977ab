"""How the site is built (`make docs`). What is made of Strata's catalogues is in catalogues.py."""

import sys
from importlib import metadata, resources
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(DOCS)]

import catalogues  # noqa: E402
import executed  # noqa: E402

project, author, copyright = "Strata", "the authors of Strata", "the authors of Strata, MIT licence"
release = metadata.version("strata-vision")
extensions = [
    "myst_parser",
    "sphinx.ext.apidoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build", "_generated/*.md", "_generated/static", "_generated/api/modules.rst"]
html_theme = "furo"
html_title = "Strata"
html_copy_source = False
html_show_search_summary = False  # which a page from the disk cannot fetch
pygments_style, pygments_dark_style = "friendly", "github-dark"
html_css_files = ["site.css"]

# Formulas need no network: MathJax in one file, from a package of the registry.
html_static_path = [
    "static",
    "_generated/static",
    str(resources.files("sphinx-mathjax-offline") / "static/mathjax/tex-svg.js"),
]
mathjax_path = "tex-svg.js"

myst_enable_extensions = ["colon_fence", "dollarmath", "attrs_inline"]
myst_heading_anchors = 3

# Every public name of Strata's that a page or a docstring refers to must be there. Those of other packages are not
# looked up, which would take a network.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!strata\.).*"), (r"py:class", r"strata\.(job\.K|progress\.T|config\.keys\..*)")]
suppress_warnings = ["ref.python"]  # a name in a signature that several modules have
apidoc_modules = [
    {
        "path": ROOT / "strata",
        "exclude_patterns": ["**/config/keys.py"],  # which the page of the configuration tells
        "destination": "_generated/api",
        "max_depth": 3,
        "no_headings": False,
        "module_first": True,
        "automodule_options": {"members", "show-inheritance"},
    }
]
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_use_type_comments = False
napoleon_google_docstring = False
napoleon_use_ivar = True


def setup(app):
    """Write what is generated before pages are read, and run the code of the page about the library."""
    app.add_config_value("run", "results/digits", "env")  # the finished run that the pages show, if there is one
    app.connect("config-inited", write_generated)
    app.connect("source-read", executed.with_results)


def write_generated(app, config):
    """Write the parts of pages that are made from catalogues, and copy the files of the run that pages show."""
    catalogues.write(DOCS / "_generated", ROOT / config.run)
