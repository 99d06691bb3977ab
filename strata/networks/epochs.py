"""Which checkpoints a run has: those of a training here, files of a training elsewhere, or published weights.

Snakemake needs to know before it plans; so nothing here imports torch.
"""

import glob
import re
from pathlib import Path

from strata.config.keys import Config, Model
from strata.errors import StrataError

_LARGEST = 999  # three digits stand for an epoch in every path


def epochs(config: Config) -> list[int]:
    """Return the epochs of all checkpoints; the untrained network (0) is always among them.

    Raises
    ------
    StrataError
        If files are named whose epochs cannot be told (see `files`).
    """
    model = config.model
    if model.weights:
        return [0, 1]
    if model.checkpoints:
        return sorted({0, *files(model.checkpoints)})
    last, listed = config.training.epochs, config.training.checkpoints
    return list(range(last + 1)) if listed == "all" else sorted({0, *listed, last})


def trained_here(model: Model) -> bool:
    """Whether a run trains its network, so that it has neither published weights nor files."""
    return not (model.weights or model.checkpoints)


def files(patterns: list[str]) -> dict[int, str]:
    """Return the files that checkpoints are read from, by epoch.

    Parameters
    ----------
    patterns
        Paths, or patterns of them: `*` stands for any text, `{epoch}` for the number of the epoch, which is otherwise
        the last number in a file's name. A single file needs no number; it counts as epoch 1.

    Raises
    ------
    StrataError
        If a pattern matches no file, a file tells no epoch or one above 999, or two files tell the same.
    """
    key = "config key model.checkpoints"
    found: dict[int, str] = {}
    named = [(pattern, path) for pattern in patterns for path in _matches(pattern)]
    for pattern, path in named:
        epoch = _epoch(pattern, path)
        if epoch is None and len(named) > 1:
            raise StrataError(f"{key}: {path} has no number in its name; name its epoch by a pattern with {{epoch}}")
        epoch = 1 if epoch is None else epoch
        if epoch > _LARGEST:
            raise StrataError(f"{key}: {path} tells epoch {epoch}; allowed: 0 to {_LARGEST}")
        if epoch in found and found[epoch] != path:
            raise StrataError(f"{key}: {found[epoch]} and {path} both tell epoch {epoch}")
        found[epoch] = path
    if not any(found):  # epochs above 0
        raise StrataError(f"{key} must name a trained network; found epoch 0 alone")
    return found


def _matches(pattern: str) -> list[str]:
    wanted = re.compile(_regex(pattern))
    anything = re.sub(r"\{epoch\}", "*", pattern)
    paths = [path for path in sorted(glob.glob(anything)) if wanted.fullmatch(path)]
    if not paths:
        raise StrataError(f"config key model.checkpoints: {pattern} matches no file")
    return paths


def _epoch(pattern: str, path: str) -> int | None:
    if "{epoch}" in pattern:
        match = re.fullmatch(_regex(pattern), path)
        assert match is not None
        return int(match["epoch"])
    numbers = re.findall(r"\d+", Path(path).stem)
    return int(numbers[-1]) if numbers else None


def _regex(pattern: str) -> str:
    """Return a glob pattern as a regular expression that captures the first {epoch}; the others repeat it."""
    text, captured = "", False
    for part in re.split(r"(\*|\?|\{epoch\})", pattern):
        if part == "{epoch}":
            text += r"(?P=epoch)" if captured else r"(?P<epoch>\d+)"
            captured = True
        else:
            text += {"*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part))
    return text
