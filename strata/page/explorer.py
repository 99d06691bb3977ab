"""The explorer: one self-contained file in which every feature of a run can be looked at.

Its address holds all that a reader has chosen, so that a link shows what its sender saw. After `explorer.html#`, any of
these, joined by `&` and encoded as in every address:

- `seed=0`: whose features are shown; the first, unless said otherwise.
- `feature=17`: the feature that is looked at.
- `pinned=3,17`: features that stand side by side.
- `filter=class:3 k>0.6`: what is shown, in the words of the search box. A number is a feature; `class:3`, `class:"a b"`
  and `meta:4` are a class and a meta-feature; `<column>>0.6`, `<column><0.6`, `<column>:0.2..0.6` (both ends belong to
  it) and `<column>:missing` speak of a column of features.csv, where `k`, `gamma` and `delta` are complexity,
  importance and temporal_decoding_score; any other word is part of the name of a class. Numbers, classes and words of
  one kind widen what is shown, different kinds narrow it.
- `lasso=map,1,2,3,4,…`: only what lies in this polygon of the map, or of the scatter.
- `x=complexity`, `y=log:importance`, `colour=class`: columns of the scatter, and of the colours of both plots.
- `map=7.5,3,4`, `scatter=…`: what a plot looks at: its centre, and how many times enlarged.
- `sort=-importance`, `page=2`: of the gallery.
- `epoch=3`: whose population is shown beside.

What it does not know, it leaves aside.
"""

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from strata import store, tables
from strata.page import contents as contained
from strata.page.contents import Contents
from strata.page.packing import as_json, as_text


def explore(
    files: Mapping[str, Any],
    *,
    run: str,
    codes: Sequence[Sequence[str | Path]],
    addresses: Mapping[str, str],
    examples: int,
    output: str | Path,
) -> None:
    """Write the explorer of a run.

    Parameters
    ----------
    files
        features, by_checkpoint, decoding, branch_cka, control_vinfo (tables), findings (JSON), and lists of shards:
        images, dictionaries (one a seed), pictures (of the first seed's meta-features, or none).
    run
        Its name.
    codes
        Shards of the codes of the last features, seed by seed, of the same images in the same order.
    addresses
        Figure to the address at which the page shows single features of what it shows.
    examples
        How many images stand for a feature.
    output
        The page.

    Raises
    ------
    StrataError
        If shards are damaged or do not belong together.
    """
    features, branch_cka = tables.read(files["features"]), tables.read(files["branch_cka"])
    by_checkpoint = tables.read(files["by_checkpoint"])
    found = json.loads(Path(files["findings"]).read_text())
    epochs = sorted(int(epoch) for epoch in by_checkpoint["epoch"].unique())
    findings = [_chip(finding, addresses) for finding in found]
    page = Contents({"run": run, "epochs": epochs, "findings": findings}, {})
    contained.add_columns(page, features, branch_cka=branch_cka)
    probed = {name: tables.read(files[name]) for name in ("decoding", "control_vinfo")}
    contained.add_vinfo(page, features, **probed)
    contained.add_cka(page, features, branch_cka=branch_cka)
    contained.add_population(page, by_checkpoint)
    contained.add_neighbours(page, files["dictionaries"])
    contained.add_images(page, files["images"], codes=codes, pictures=files["pictures"], count=examples)
    store.write_bytes(output, written(page).encode())


def _chip(finding: Mapping[str, Any], addresses: Mapping[str, str]) -> dict[str, Any]:
    """Return what the page tells of a finding, and the address at which it shows what the finding is about."""
    told = {name: finding[name] for name in ("id", "claim", "statistic", "value", "verdict")}
    return {**told, "address": addresses.get(finding["figure"], "")}


def written(page: Contents) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    page
        What it holds.
    """
    data = [f'<script type="application/json" id="about">{as_json(page.about)}</script>']
    data += [f'<script type="text/plain" id="{name}">{as_text(part)}</script>' for name, part in page.parts.items()]
    filled = {
        "title": f"<title>Explorer: {escape(page.about['run'])}</title>",
        "style": f"<style>\n{_file('explorer.css')}</style>",
        "data": "\n".join(data),
        "script": f'<script>\n"use strict";\n(() => {{\n{_script("main", set())}\n}})();\n</script>',
    }
    return re.sub("<!-- (title|style|data|script) -->", lambda place: filled[place[1]], _file("explorer.html"))


def _file(name: str) -> str:
    return Path(__file__).with_name("explorer").joinpath(name).read_text(encoding="utf-8")


def _script(name: str, there: set[str]) -> str:
    """Return a script after those that it imports, in one scope: each once, `there` tells which are there already."""
    there.add(name)
    script = _file(f"{name}.js")
    others = re.findall(r'from "\./(\w+)\.js";', script)
    before = [_script(other, there) for other in others if other not in there]
    own = re.sub(r"^import .*?;\n", "", script, flags=re.MULTILINE | re.DOTALL)
    return "\n".join([*before, re.sub(r"^export (\{.*?\};)?", "", own, flags=re.MULTILINE)])
