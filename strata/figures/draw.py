"""Draw figures, and write them with the numbers behind each."""

import io
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from strata import store, tables
from strata.claims.finding import Finding
from strata.config.keys import typed
from strata.figures.catalogue import FIGURES
from strata.figures.parts import WIDTHS, Drawn, complexity_scale
from strata.progress import progress


def draw(
    files: Mapping[str, Any],
    *,
    settings: Mapping[str, Mapping[str, Any]],
    seeds: Sequence[int],
    dpi: int,
    width: str,
    run: str | Path,
    processes: int,
) -> None:
    """Draw figures, and write `figures/<name>.svg`, `.pdf` and `.png`, and `tables/<name>.csv`.

    Parameters
    ----------
    files
        What they are drawn from: a file, or files, by the name of an input.
    settings
        Figure (`strata.figures.catalogue`) to its arguments, as plain values.
    seeds
        Of tables that there are one a seed of, in their order.
    dpi
        Resolution of the PNG files.
    width
        That panels are laid out for: single (a journal's column) or double.
    run
        The folder of the run.
    processes
        That draw side by side.
    """
    given = {name: _read(name, files[name], seeds) for name in files}
    given["scale"] = complexity_scale(given["features"])
    one = partial(_drawn, given, folder=run, dpi=dpi, width=width)
    with ProcessPoolExecutor(processes, get_context("fork")) as pool:
        for _ in progress(pool.map(one, settings, settings.values()), "drawing figures", total=len(settings)):
            pass


def _drawn(
    given: Mapping[str, Any], name: str, settings: Mapping[str, Any], *, folder: str | Path, dpi: int, width: str
) -> None:
    """Draw one figure, and write it."""
    figure = FIGURES[name]
    own = {argument: typed(figure.settings[argument], value) for argument, value in settings.items()}
    with plt.rc_context({"figure.figsize": (WIDTHS[width], 3)}):
        save(figure.drawn(given, own), name, folder=folder, dpi=dpi)


def _read(name: str, found: Any, seeds: Sequence[int]) -> Any:
    """Return what a figure is given: findings and tables as such, other files by their paths."""
    if name == "findings":
        return [Finding(**f) for f in json.loads(Path(found).read_text())]
    if name == "history":
        return tables.read_together(found, seed=seeds)
    if isinstance(found, str) and found.endswith(".csv"):
        return tables.read(found)
    return found


def save(drawn: Drawn, name: str, *, folder: str | Path, dpi: int) -> None:
    """Write figures/<name>.svg, .pdf and .png, and tables/<name>.csv, under a run's folder.

    Parameters
    ----------
    drawn
        The figure, and the table that it shows.
    name
        Of the files.
    folder
        The folder of the run.
    dpi
        Resolution of the PNG file.
    """
    figure, table = drawn
    write_figure(figure, Path(folder, "figures", name), dpi=dpi)
    tables.write(Path(folder, "tables", f"{name}.csv"), table)


def write_figure(figure: Figure, path: Path, *, dpi: int) -> None:
    """Write a figure as SVG, PDF and PNG, and close it.

    Parameters
    ----------
    figure
        That is written.
    path
        Of its files, without what their names end with.
    dpi
        Resolution of the PNG file.
    """
    figure.set_dpi(dpi)  # letters are not as wide at another resolution
    if layout := figure.get_layout_engine():
        layout.execute(figure)
    # From here on nothing lays it out again: every writing would, and draw everything once more for it.
    with plt.rc_context({"figure.constrained_layout.use": False}):
        _settle(figure)
        for kind, metadata in (("svg", {"Date": None}), ("pdf", {"CreationDate": None}), ("png", {})):
            drawing = io.BytesIO()
            figure.savefig(drawing, format=kind, dpi=dpi, metadata=metadata)
            store.write_bytes(path.with_name(f"{path.name}.{kind}"), drawing.getbuffer())
    plt.close(figure)


def _settle(figure: Figure) -> None:
    """Keep the layout of a figure, in round numbers: the solver's last bits depend on where in memory things are."""
    figure.set_layout_engine(None)  # "none" keeps a place for one
    for ax in figure.axes:
        ax.set_position(tuple(np.round(ax.get_position(original=True).bounds, 6)))
