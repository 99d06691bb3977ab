"""Compare finished runs, and write what comes of it."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

import strata
from strata import store, tables
from strata.comparison import figures
from strata.comparison.matched import agreement, matched
from strata.comparison.scorecard import about, page, scorecard
from strata.config.keys import Questions
from strata.figures.draw import write_figure


def compare(folders: Mapping[str, str | Path], output: str | Path, *, settings: Questions, dpi: int) -> None:
    """Write scorecard.csv and .md, spectra.csv, matched.csv, and figures/scorecard, spectra, matched (.svg and .png).

    Parameters
    ----------
    folders
        What runs are called, to their folders (see `strata.comparison.runs.found`).
    output
        The folder of the comparison, which is called as it.
    settings
        The section `questions` of the configuration, for its `confidence`.
    dpi
        Resolution of the PNG files.
    """
    output = Path(output)
    runs = {name: strata.load(folder) for name, folder in folders.items()}
    score, told = scorecard(runs), about(runs)
    spectra = pd.concat(
        [
            run.features[["seed", "feature", "class", "complexity", "relative_complexity"]].assign(run=name)
            for name, run in runs.items()
        ]
    )
    table, unmatched = matched(runs)
    pairs = agreement(table, settings)
    for name, numbers in (("scorecard", score), ("spectra", spectra), ("matched", table)):
        tables.write(output / f"{name}.csv", numbers)
    text = page(output.name, score, told=told, pairs=pairs, unmatched=unmatched)
    store.write_bytes(output / "scorecard.md", text.encode())
    for name, figure in (
        ("scorecard", figures.scorecard(score, told)),
        ("spectra", figures.spectra(spectra)),
        ("matched", figures.matched(table, pairs, unmatched=unmatched)),
    ):
        write_figure(figure, output / "figures" / name, dpi=dpi)
