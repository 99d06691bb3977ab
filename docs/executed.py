"""Code on a page, run when the page is built: what it prints, and the value of its last line, stand below it.

All blocks of Python of a page are one program. Those marked `of-a-run` need a finished run, and are shown without
results where there is none.
"""

import ast
import contextlib
import io
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ("library",)
_BLOCK = re.compile(r"^```python( of-a-run)?\n(.*?)^```\n", re.MULTILINE | re.DOTALL)


def with_results(app, name, source):
    """Put results under the blocks of a page, as Sphinx reads it."""
    if name in PAGES:
        source[0] = run(source[0], ROOT / app.config.run)


def run(text: str, folder: Path) -> str:
    """Return a page with the results of its blocks, which are run in the repository's folder."""
    names: dict[str, object] = {}

    def with_result(block: re.Match) -> str:
        if block[1] and not (folder / "findings.json").exists():
            return block[0]
        code = block[2].replace("results/digits", str(folder))
        shown = f"```python\n{block[2]}```\n"
        said, value = executed(code, names)
        if hasattr(value, "_repr_html_"):
            return f"{shown}\n```{{raw}} html\n<div class='result'>{value._repr_html_()}</div>\n```\n"
        said += "" if value is None else f"{value!r}\n"
        return shown + (f"\n```{{code-block}} text\n:class: result\n\n{said}```\n" if said else "")

    with contextlib.chdir(ROOT):
        return _BLOCK.sub(with_result, text)


def executed(code: str, names: dict[str, object]) -> tuple[str, object]:
    """Return what some code prints, and the value of its last line, None where that has none."""
    *lines, last = ast.parse(code).body
    value = None
    with contextlib.redirect_stdout(io.StringIO()) as said:
        if not isinstance(last, ast.Expr):
            lines, last = [*lines, last], None
        exec(compile(ast.Module(lines, type_ignores=[]), "<page>", "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "<page>", "eval"), names)
    return said.getvalue(), value
