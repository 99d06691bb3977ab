"""A finished run as an object: its tables, findings, dictionaries, codes, V-information and images."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from strata import store, tables
from strata.claims.finding import Finding
from strata.errors import StrataError
from strata.features.dictionary import read_dictionary
from strata.layers import branches_of
from strata.probes.families import REFERENCE


def load(folder: str | Path) -> "Run":
    """Return the run in a folder, such as results/digits.

    Parameters
    ----------
    folder
        That a run wrote.

    Raises
    ------
    StrataError
        If no run has ended there.
    """
    for name in ("features.csv", "findings.json"):
        if not (Path(folder) / name).is_file():
            raise StrataError(f"{folder} holds no finished run (no {name}); run snakemake, or name results/<run>")
    return Run(Path(folder))


class Run:
    """A finished run. What it holds is read when it is asked for, and checked.

    Parameters
    ----------
    folder
        That the run wrote.

    Attributes
    ----------
    folder : Path
        The same.
    name : str
        Of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, folder.resolve().name

    @property
    def seeds(self) -> list[int]:
        """The seeds of its networks."""
        return [int(seed) for seed in self.features["seed"].unique()]

    @property
    def checkpoints(self) -> list[str]:
        """Names of the checkpoints, the untrained network first."""
        return [f"epoch-{epoch:03d}" for epoch in sorted(self.table("by_checkpoint")["epoch"].unique())]

    @property
    def features(self) -> pd.DataFrame:
        """One row a feature of the last checkpoint and seed: every scalar that the questions use."""
        return tables.read(self.folder / "features.csv")

    @property
    def findings(self) -> list[Finding]:
        """The claims, tested."""
        return [Finding(**found) for found in json.loads((self.folder / "findings.json").read_text())]

    @property
    def history(self) -> pd.DataFrame:
        """One row a seed and epoch: loss and accuracy on test images, missing where they are not measured."""
        parts = [tables.read(self._seed(seed) / "training.csv").assign(seed=seed) for seed in self.seeds]
        return pd.concat(parts, ignore_index=True)

    def table(self, name: str) -> pd.DataFrame:
        """Return a table, such as by_checkpoint, or the numbers behind a figure, such as q2_growth.

        Raises
        ------
        StrataError
            If there is none of that name; tells which there are.
        """
        path = self.folder / "tables" / f"{name}.csv"
        if not path.is_file():
            known = ", ".join(sorted(own.stem for own in path.parent.glob("*.csv")))
            raise StrataError(f"{self.folder} has no table {name!r}; allowed: {known}")
        return tables.read(path)

    def dictionary(self, seed: int | None = None, *, checkpoint: str | None = None) -> np.ndarray:
        """Return D, features × units, of a checkpoint; None for the last.

        Parameters
        ----------
        seed
            Of the network; None for the first.
        checkpoint
            That the features are of; None for the last.
        """
        path = self._seed(seed) / "features" / f"{checkpoint or self.checkpoints[-1]}.h5"
        return read_dictionary(path)[0]["dictionary"]

    def codes(self, seed: int | None = None, *, checkpoint: str | None = None) -> np.ndarray:
        """Return Z, images × features, of the features discovered at a checkpoint; None for the last.

        The images are those of `ids`.

        Parameters
        ----------
        seed
            Of the network; None for the first.
        checkpoint
            That the features are of; None for the last.
        """
        folder = self._seed(seed) / "codes" / (checkpoint or self.checkpoints[-1])
        return np.concatenate([store.read(path, kind="codes")[0]["codes"] for path in sorted(folder.glob("*.h5"))])

    def vinfo(
        self, seed: int | None = None, *, checkpoint: str | None = None, family: str | None = None
    ) -> pd.DataFrame:
        """Return the V-information of the last features in the layers of a checkpoint, features × layers.

        In checkpoints between the untrained network and the last one, only the penultimate layer is probed for them.

        Parameters
        ----------
        seed
            Of the network; None for the first.
        checkpoint
            Whose layers; None for the last.
        family
            The predictive family; None for the run's own.
        """
        checkpoints = self.checkpoints
        features, checkpoint = checkpoints[-1], checkpoint or checkpoints[-1]
        family = family or (list(self.table("by_family")["family"].unique())[-1] if self._compares() else REFERENCE)
        folder = self._seed(seed) / "vinfo"
        probed = [folder / ("own" if checkpoint == features else "followed") / checkpoint / family]
        if checkpoint == features:
            probed.append(folder / "flow" / checkpoint / REFERENCE)
        found: dict[str, np.ndarray] = {}
        for path in sorted((p for own in probed for p in own.glob("*.h5")), key=lambda path: path.stat().st_mtime):
            arrays, about = store.read(path, kind="vinfo")
            found |= {layer: arrays[f"{features}/{layer}/vinfo"] for layer in about["layers"]}
        listed = [name.removeprefix("vinfo_") for name in map(str, self.features) if name.startswith("vinfo_")]
        layers = [layer for layer in [*listed, *branches_of(listed)] if layer in found]
        return pd.DataFrame({layer: found[layer] for layer in layers}).rename_axis("feature")

    @property
    def ids(self) -> list[str]:
        """Names of the studied images, in the order of codes."""
        return [name for path in self._studied() for name in _ids(path)]

    @property
    def fingerprints(self) -> list[str]:
        """What tells the studied images from any others, their names and pixels, in the order of codes."""
        found = []
        for path in self._studied():
            with store.Shard(path, kind="images") as shard:
                pixels = shard.read("images")
            found += [f"{name} {store.digest(own.tobytes())}" for name, own in zip(_ids(path), pixels, strict=True)]
        return found

    def images(self, ids: Sequence[str]) -> np.ndarray:
        """Return images by their names, n × 3 × height × width, uint8.

        Raises
        ------
        StrataError
            If there is no image of a name.
        """
        found: dict[str, np.ndarray] = {}
        wanted = set(ids)
        for path in self._images():
            rows = {name: row for row, name in enumerate(_ids(path)) if name in wanted}
            if rows:
                with store.Shard(path, kind="images") as shard:
                    pixels = shard.read("images")
                found |= {name: pixels[row] for name, row in rows.items()}
        if missing := [name for name in ids if name not in found]:
            raise StrataError(f"{self.folder} has no image {missing[0]!r}; names are in images/index.csv")
        return np.stack([found[name] for name in ids])

    def __repr__(self) -> str:
        """Say what the run holds."""
        features = self.features
        verdicts = [f.verdict for f in self.findings if f.question != "control"]
        return (
            f"Run {self.name!r}: {len(features):,} features, {len(self.seeds)} seed(s), {len(self.checkpoints)} "
            f"checkpoints; {verdicts.count('supported')} of {len(verdicts)} claims supported"
        )

    def _repr_html_(self) -> str:
        """Show the claims, as a notebook does."""
        rows = [
            {
                "claim": f.claim,
                "value": f"{f.value:+.3f} [{f.ci_low:+.3f}, {f.ci_high:+.3f}]"
                if f.value is not None
                else "not defined",
                "n": f.n,
                "verdict": f.verdict,
            }
            for f in self.findings
        ]
        return f"<p>{self!r}</p>{pd.DataFrame(rows).to_html(index=False)}"

    def _seed(self, seed: int | None) -> Path:
        seeds = self.seeds
        if seed is not None and seed not in seeds:
            raise StrataError(f"{self.folder} has no seed {seed}; allowed: {', '.join(map(str, seeds))}")
        return self.folder / f"seed-{seeds[0] if seed is None else seed}"

    def _compares(self) -> bool:
        """Whether the run has a predictive family beside the reference: only then is it compared with that."""
        return any(found.id == "a.families" for found in self.findings)

    def _studied(self) -> list[Path]:
        """Return the shards of the images that have codes: the first ones."""
        codes = self._seed(None) / "codes" / self.checkpoints[-1]
        return self._images()[: len(list(codes.glob("*.h5")))]

    def _images(self) -> list[Path]:
        return sorted((self.folder / "images").glob("*.h5"))


def _ids(path: Path) -> list[str]:
    with store.Shard(path, kind="images") as shard:
        return [name.decode() for name in shard.read("ids")]
