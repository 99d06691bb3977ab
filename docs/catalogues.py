"""Parts of pages that are made from what Strata states once: rules, files, columns, claims, figures; and a real run."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from strata.claims.controls import CONTROLS
from strata.claims.finding import QUESTIONS
from strata.claims.registry import CLAIMS
from strata.config import generate
from strata.features.methods import METHODS
from strata.figures.catalogue import CONDITIONS, FIGURES
from strata.images.sources import SOURCES
from strata.measures.catalogue import MEASURES
from strata.page.captions import caption_html
from strata.page.columns import KNOWN, told
from strata.probes.families import FAMILIES

ROOT = Path(__file__).parents[1]
WILDCARDS = {
    r"results/[^/]+": "results/<run>",
    r"seed-\d+": "seed-<seed>",
    r"shard-\d{3}": "<shard>",
    r"classes-\d{3}": "<classes>",
    r"epoch-\d{3}": "<checkpoint>",
    r"half-\d": "<half>",
    r"activations/<checkpoint>/[^/]+": "activations/<checkpoint>/<layer>",
    r"(vinfo/\w+/<checkpoint>/\w+)/[^/]+": r"\1/<layers>",
    r"figures/.*": "figures/<figure>.svg, .pdf, .png",
    r"tables/(?!\w+/)\w+.csv": "tables/<table>.csv",
    r"measured/\w+/": "measured/<population>/",
    r"seed-<seed>/tables/\w+/\w+": "seed-<seed>/tables/<population>/<table>",
}
SHOWN = ("index.html", "explorer.html", "report.html", "findings.md", "features.csv", "tables")


def write(folder: Path, run: Path) -> None:
    """Write all parts into a folder, and what pages show of a run beside them.

    Parameters
    ----------
    folder
        That pages include from.
    run
        A finished run; where there is none, pages say so.
    """
    made = (run / "index.html").exists()
    parts = {
        "rules": rules(),
        "columns": columns(),
        "claims": claims(),
        "figures": figures(),
        "catalogues": catalogues(),
        "run": pages_of(run) if made else no(run),
        "answers": answers(run) if made else no(run),
        **{
            f"finding-{name}": finding(run, name) if made else no(run)
            for name in ("q2.emergence", "q4.simplicity_bias")
        },
    }
    shown = folder / "static" / "digits"
    shutil.rmtree(shown, ignore_errors=True)
    shown.mkdir(parents=True)
    for name, text in parts.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text() != text:  # so that only pages that change are built again
            path.write_text(text)
    for name in SHOWN if made else ():
        copy = shutil.copytree if (run / name).is_dir() else shutil.copy
        copy(run / name, shown / name)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown; a bar within a field would end it."""
    lines = [head, ["---"] * len(head), *([field.replace("|", "\\|") for field in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def rules() -> str:
    """Return every rule by stage: what it does, what it writes, which keys it begins to rerun from."""
    files, reran, parts = files_of_rules(), keys_of_rules(), []
    for stage in re.findall(r'include: "workflow/rules/(\w+).smk"', (ROOT / "Snakefile").read_text()):
        text = (ROOT / "workflow/rules" / f"{stage}.smk").read_text()
        title = text.split('"""')[1].splitlines()[0].rstrip(".")
        scripts = re.findall(r'"\.\./scripts/(\w+)\.py"$', text, re.MULTILINE)  # of a rule's name, but for measurements
        names = [name for script in scripts for name in (MEASURES if script == "measure" else [script])]
        rows = [[f"`{rule}`", does(rule), lines(files.get(rule, [])), ", ".join(reran.get(rule, []))] for rule in names]
        if rows:
            parts += [f"### {title}\n", table(HEAD, rows)]
    return "\n".join(parts)


HEAD = ("rule", "what it does", "what it writes", "a change of these keys reruns from it")


def lines(paths: Iterable[str]) -> str:
    """Return paths in one field of a table, a line each."""
    return "<br>".join(f"`{path}`" for path in paths)


def does(rule: str) -> str:
    """Return what a rule does: its script says so, or the measurement that has a rule of its own."""
    script = ROOT / "workflow/scripts" / f"{rule}.py"
    if not script.exists():
        return f"{MEASURES[rule].about}." if rule in MEASURES else ""
    return ast.get_docstring(ast.parse(script.read_text())).splitlines()[0]


def files_of_rules() -> dict[str, list[str]]:
    """Return the files that each rule writes, as patterns, from the plan of a run."""
    command = [sys.executable, "-m", "snakemake", "--summary", "--configfile", "docs/planned.yaml"]
    said = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    found: dict[str, dict[str, None]] = {}
    for line in said.splitlines()[1:]:
        path, _, rule = line.split("\t")[:3]
        for own, wildcard in WILDCARDS.items():
            path = re.sub(own, wildcard, path)
        found.setdefault(rule, {})[path.removeprefix("results/<run>/")] = None
    return {rule: list(paths) for rule, paths in found.items()}


def keys_of_rules() -> dict[str, list[str]]:
    """Return the keys by the rule that a change of them reruns from."""
    found: dict[str, list[str]] = {}
    for key, reruns in generate.reruns().items():
        for rule in re.findall(r"\w+", reruns):
            found.setdefault(rule, []).append(f"`{key}`")
    return found


def columns() -> str:
    """Return the columns of features.csv."""
    names = [*KNOWN, "vinfo_<layer>", "<column>_error"]
    return table(("column", "what it is"), ([f"`{name}`", told(name)["about"]] for name in names))


def claims() -> str:
    """Return every claim that can be tested, by question."""
    parts = []
    for question, asked in QUESTIONS.items():
        rows = [
            [
                f"`{c.id}`",
                c.claim,
                c.statistic,
                f"{c.side} {c.bound:g}" if c.side != "within" else f"within ±{c.bound:g}",
                f"`{c.figure}`",
            ]
            for c in CLAIMS
            if c.question == question
        ]
        if rows:
            parts += [
                f"### {question}: {asked}\n",
                table(("id", "claim", "statistic", "holds where it lies", "figure"), rows),
            ]
    return "\n".join(parts)


def figures() -> str:
    """Return every figure with its caption, as a run of the default configuration has it."""
    defaults, parts = yaml.safe_load((ROOT / "config/config.yaml").read_text()), []
    for figure in FIGURES.values():
        needs = CONDITIONS.get(figure.needs)
        lacking = f" (left out where {needs[1]})" if needs else ""
        caption = caption_html(figure.caption, defaults)
        parts.append(
            f"### `{figure.name}`: {figure.title}\n\n{figure.question}{lacking}\n\n```{{raw}} html\n{caption}\n```\n"
        )
    return "\n".join(parts)


def catalogues() -> str:
    """Return what there is to choose from, of every kind."""
    kinds = {
        "Sources of images (`data.source`)": SOURCES,
        "Methods (`features.method`)": METHODS,
        "Predictive families (`probes.family`)": FAMILIES,
        "Measurements with a pass of their own": MEASURES,
        "Controls": CONTROLS,
    }
    parts = []
    for title, kind in kinds.items():
        parts += [
            f"### {title}\n",
            table(("name", "what it is"), ([f"`{name}`", own.about] for name, own in kind.items())),
        ]
    return "\n".join(parts)


def finding(run: Path, name: str) -> str:
    """Return what the findings of a run say of a claim, as they say it."""
    claim = next(c for c in CLAIMS if c.id == name)
    text = (run / "findings.md").read_text()
    said = text[text.index(f"**{claim.claim[0].upper()}{claim.claim[1:]}") :].split("\n\n")[0]
    return f"```text\n{said}\n```\n"


def answers(run: Path) -> str:
    """Return the four answers of a run, and how sure they are, as its findings begin."""
    return (run / "findings.md").read_text().split("\n\n", 1)[1].split("\n## ")[0]


def pages_of(run: Path) -> str:
    """Return the pages of a run, to be looked at within a page."""
    return "\n".join(
        f'```{{raw}} html\n<p><a href="_static/digits/{name}.html">{title}</a></p>\n'
        f'<iframe class="page" src="_static/digits/{name}.html" title="{title}" loading="lazy"></iframe>\n```\n'
        for name, title in (
            ("index", f"The four answers of the run {run.name}"),
            ("explorer", f"Every feature of the run {run.name}"),
        )
    )


def no(run: Path) -> str:
    """Return what a page says where a run would be shown."""
    return (
        f":::{{note}}\nThere was no finished run ({run.relative_to(ROOT)}) when this site was built. "
        "`make demo` makes one, and `make docs` then shows it here.\n:::\n"
    )
