"""Which runs are compared: found, and refused in one line where there is nothing to compare."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from strata import store
from strata.claims.finding import Finding
from strata.errors import StrataError

# What is read of every run; the last of it is written last.
READ = ("features.csv", "findings.json", "tables/by_checkpoint.csv")
COLUMNS = ("seed", "feature", "class", "complexity", "relative_complexity")


def found(names: Sequence[str], *, results: str | Path) -> dict[str, str]:
    """Return the runs by what they are called, to their folders.

    Parameters
    ----------
    names
        Of runs, or paths of their folders.
    results
        The folder that holds runs.

    Raises
    ------
    StrataError
        If there are fewer than two, or one is named twice, is not finished, or was made by another version.
    """
    if len(names) < 2:
        raise StrataError(
            "config key runs must name at least 2 finished runs, as in: snakemake compare --config "
            f"'runs=[digits, shapes]'; found {', '.join(names) or 'none'}"
        )
    folders = {name: Path(name) if "/" in name else Path(results, name) for name in names}
    for name, times in Counter(names).items():
        same = [other for other in folders if folders[other].resolve() == folders[name].resolve()]
        if times > 1 or len(same) > 1:
            told = f"{name} and {same[1]} are one run" if len(same) > 1 else f"found {name} {times} times"
            raise StrataError(f"config key runs must name a run once; {told}")
    for name, folder in folders.items():
        _check(name, folder, Path(results))
    called = Counter(folder.resolve().name for folder in folders.values())
    return {
        folder.resolve().name if called[folder.resolve().name] == 1 else name: str(folder)
        for name, folder in folders.items()
    }


def digest(folder: str | Path) -> str:
    """Return a digest of what a comparison reads of a run's tables and findings."""
    histories = sorted(Path(folder).glob("seed-*/training.csv"))
    return store.digest([path.read_text() for path in (*(Path(folder, name) for name in READ), *histories)])


def _check(name: str, folder: Path, results: Path) -> None:
    lacking = [own for own in READ if not (folder / own).is_file()]
    if lacking:
        finished = sorted(path.parent.name for path in results.glob("*/findings.json"))
        state = f"holds no finished run (no {lacking[0]})" if folder.is_dir() else "does not exist"
        raise StrataError(
            f"config key runs names {name}, but {folder} {state}; run it to the end, or leave it out; "
            f"finished in {results}: {', '.join(finished) or 'none'}"
        )
    if other := _other_version(folder):
        raise StrataError(
            f"run {name} was made by another version of Strata ({other}); run it again, with its own --configfile, or "
            "leave it out of config key runs"
        )


def _other_version(folder: Path) -> str:
    """Return what a run lacks of what this version writes, or has besides; nothing where it is of this version."""
    try:
        said = [set(finding) for finding in json.loads((folder / "findings.json").read_text())]
    except (ValueError, TypeError):
        return f"{folder}/findings.json is no list of findings"
    known = {field.name for field in fields(Finding)}
    for finding in said:
        if finding != known:
            lacks = sorted(known - finding)
            return f"{folder}/findings.json {f'lacks {lacks[0]}' if lacks else f'has {min(finding - known)}'}"
    header = (folder / "features.csv").read_text().partition("\n")[0].split(",")
    missing = [column for column in COLUMNS if column not in header]
    return f"{folder}/features.csv lacks the column {missing[0]}" if missing else ""
