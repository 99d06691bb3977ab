"""A finished run as an object: its tables, findings, dictionaries, codes, V-information and images."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from strata import store, tables
from strata.claims.finding import Finding
from strata.errors import StrataError
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
    if not (Path(folder) / "features.csv").is_file():
        raise StrataError(f"{folder} holds no finished run (no features.csv); run snakemake, or name results/<run>")
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
        self.folder, self.name = folder, folder.name

    @property
    def seeds(self) -> list[int]:
        """The seeds of its networks."""
        return sorted(int(path.name.removeprefix("seed-")) for path in self.folder.glob("seed-*"))

    @property
    def checkpoints(self) -> list[str]:
        """Names of the checkpoints, the untrained network first."""
        return sorted(path.stem for path in self.folder.glob(f"seed-{self.seeds[0]}/checkpoints/*.pt"))

    @property
    def features(self) -> pd.DataFrame:
        """One row a feature of the last checkpoint and seed: every scalar that the questions use."""
        return tables.read(self.folder / "features.csv")

    @property
    def findings(self) -> list[Finding]:
        """The claims, tested."""
        return [Finding(**found) for found in json.loads((self.folder / "findings.json").read_text())]

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

    def dictionary(self, seed: int = 0, *, checkpoint: str | None = None) -> np.ndarray:
        """Return D, features × units, of a checkpoint; None for the last.

        Parameters
        ----------
        seed
            Of the network.
        checkpoint
            That the features are of; None for the last.
        """
        path = self._seed(seed) / "features" / f"{checkpoint or self.checkpoints[-1]}.h5"
        return store.read(path, kind="features")[0]["dictionary"]

    def codes(self, seed: int = 0, *, checkpoint: str | None = None) -> np.ndarray:
        """Return Z, images × features, of the features discovered at a checkpoint; None for the last.

        The images are those of `ids`.

        Parameters
        ----------
        seed
            Of the network.
        checkpoint
            That the features are of; None for the last.
        """
        folder = self._seed(seed) / "codes" / (checkpoint or self.checkpoints[-1])
        return np.concatenate([store.read(path, kind="codes")[0]["codes"] for path in sorted(folder.glob("*.h5"))])

    def vinfo(self, seed: int = 0, *, checkpoint: str | None = None, family: str | None = None) -> pd.DataFrame:
        """Return the V-information of the last features in the layers of a checkpoint, features × layers.

        Parameters
        ----------
        seed
            Of the network.
        checkpoint
            Whose layers; None for the last.
        family
            The predictive family; None for the run's own.
        """
        last = self.checkpoints[-1]
        folder = self._seed(seed) / "vinfo" / last / (checkpoint or last)
        families = sorted((path.name for path in folder.iterdir()), key=lambda name: name == REFERENCE)
        found: dict[str, np.ndarray] = {}
        for path in sorted((folder / (family or families[0])).glob("*.h5")):
            arrays, about = store.read(path, kind="vinfo")
            found |= {layer: arrays[f"{layer}/vinfo"] for layer in about["layers"]}
        own = [name.removeprefix("vinfo_") for name in map(str, self.features) if name.startswith("vinfo_")]
        return pd.DataFrame(found)[[*own, *(layer for layer in found if layer not in own)]].rename_axis("feature")

    @property
    def ids(self) -> list[str]:
        """Names of the studied images, in the order of codes."""
        studied = len(list((self._seed(self.seeds[0]) / "codes" / self.checkpoints[-1]).glob("*.h5")))
        return [name.decode() for path in self._images()[:studied] for name in store.read(path)[0]["ids"]]

    def images(self, ids: Sequence[str]) -> np.ndarray:
        """Return images by their names, n × 3 × height × width, uint8.

        Raises
        ------
        StrataError
            If there is no image of a name.
        """
        found: dict[str, np.ndarray] = {}
        for path in self._images():
            arrays, _ = store.read(path, kind="images")
            names = [name.decode() for name in arrays["ids"]]
            found |= {names[i]: arrays["images"][i] for i in np.flatnonzero(np.isin(names, list(ids)))}
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

    def _seed(self, seed: int) -> Path:
        if seed not in self.seeds:
            raise StrataError(f"{self.folder} has no seed {seed}; allowed: {', '.join(map(str, self.seeds))}")
        return self.folder / f"seed-{seed}"

    def _images(self) -> list[Path]:
        return sorted((self.folder / "images").glob("*.h5"))
