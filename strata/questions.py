"""The four questions: the claims that are tested on what was measured of every feature."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from strata import store
from strata.measurements import earliness
from strata.statistics import Estimate, bootstrap, pearson

UNRELATED = 0.3  # a correlation whose whole interval is nearer to zero than this counts as no clear relation
NOTHING = 0.01  # a mean V-information below this counts as none
SPREAD = 0.1  # a spectrum of complexity is at least this wide, from its 10th to its 90th percentile


@dataclass
class Finding:
    """A claim, tested; the verdict follows from the interval alone."""

    id: str
    question: str
    claim: str
    statistic: str
    value: float
    ci_low: float
    ci_high: float
    p_value: float
    n: int
    verdict: str


def most_important(table: pd.DataFrame, share: float) -> pd.DataFrame:
    """Return the rows of the most important features: a share of them, but at least 5."""
    return table.nlargest(max(5, int(np.ceil(share * len(table)))), "importance")


def tenths(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the simplest and the most complex tenth of the features, at least one each."""
    ranked = table.sort_values(["complexity", "seed", "feature"])
    size = max(1, len(ranked) // 10)
    return ranked.head(size), ranked.tail(size)


def findings(
    features: pd.DataFrame,
    by_checkpoint: pd.DataFrame,
    branch_cka: pd.DataFrame,
    control_vinfo: pd.DataFrame,
    settings: dict[str, Any],
) -> list[Finding]:
    """Test every claim.

    Parameters
    ----------
    features
        One row a feature and seed, of the last checkpoint (`features_of_seed`).
    by_checkpoint
        Features discovered afresh: seed, epoch, feature, complexity, importance.
    branch_cka
        Linear CKA with the branches: seed, layer, feature, cka.
    control_vinfo
        V-information of controls: control, seed, layer, feature, vinfo.
    settings
        The section `questions` of the configuration.
    """
    features = features.dropna(subset=["complexity"])
    by_checkpoint = by_checkpoint.dropna(subset=["complexity"])
    epochs = sorted(e for e in by_checkpoint["epoch"].unique() if e > 0)
    first, last = (by_checkpoint[by_checkpoint["epoch"] == e] for e in (epochs[0], epochs[-1]))

    def estimate(statistic: Callable[..., float], *groups: np.ndarray, null: float = 0.0) -> Estimate:
        return bootstrap(statistic, groups, null, settings["bootstrap"], settings["confidence"], settings["seed"])

    def columns(table: pd.DataFrame, *names: str) -> np.ndarray:
        return table[list(names)].to_numpy(float)

    def mean_change(before: np.ndarray, after: np.ndarray) -> float:
        return float(after.mean() - before.mean())

    found = []

    def add(name: str, question: str, claim: str, statistic: str, e: Estimate, n: int, verdict: str) -> None:
        found.append(Finding(name, question, claim, statistic, e.value, e.low, e.high, e.p_value, n, verdict))

    k = columns(features, "complexity")
    e = estimate(lambda x: float(np.subtract(*np.quantile(x, [0.9, 0.1]))), k, null=SPREAD)
    add(
        "q1.spectrum",
        "1",
        f"features form a spectrum of complexity, more than {SPREAD} wide",
        "complexity, 90th − 10th percentile",
        e,
        len(k),
        _above(e, SPREAD),
    )

    e = estimate(pearson, columns(features, "complexity", "temporal_decoding_score"))
    add(
        "q2.emergence",
        "2",
        "complex features become decodable later in training",
        "Pearson r(complexity, temporal decoding score)",
        e,
        len(features),
        _above(e, 0),
    )

    e = estimate(mean_change, columns(first, "complexity"), columns(last, "complexity"))
    add(
        "q2.growth",
        "2",
        "features grow more complex from the first epoch to the last",
        "mean complexity, last − first epoch",
        e,
        len(first) + len(last),
        _above(e, 0),
    )

    early = features.merge(earliness(branch_cka).rename("earliness").reset_index()).dropna(subset=["earliness"])
    e = estimate(pearson, columns(early, "complexity", "earliness"))
    add(
        "q3.teleport",
        "3",
        "the simpler a feature, the earlier the skip branch carries what of it the last block's does",
        "Pearson r(complexity, mean skip CKA as share of the last block's)",
        e,
        len(early),
        _below(e, 0),
    )

    e = estimate(pearson, columns(features, "complexity", "importance"))
    add(
        "q4.simplicity_bias",
        "4",
        "at the last epoch, simpler features are more important",
        "Pearson r(complexity, importance)",
        e,
        len(features),
        _below(e, 0),
    )

    e = estimate(pearson, columns(first, "complexity", "importance"))
    add(
        "q4.simplicity_bias_initial",
        "4",
        f"at the first epoch, complexity and importance are unrelated (r within ±{UNRELATED})",
        "Pearson r(complexity, importance)",
        e,
        len(first),
        _near_zero(e, UNRELATED),
    )

    tops = [
        most_important(t, settings["top_share"])
        for _, t in by_checkpoint[by_checkpoint["epoch"] > 0].groupby(["seed", "epoch"])
    ]
    e = estimate(
        lambda *groups: pearson(np.concatenate(groups)),
        *(columns(t, "epoch", "complexity") for t in tops),
    )
    add(
        "q4.sedimentation",
        "4",
        "the most important features grow simpler during training",
        "Pearson r(epoch, complexity) of the most important features",
        e,
        sum(len(t) for t in tops),
        _below(e, 0),
    )

    shuffled = control_vinfo[control_vinfo["control"] == "shuffled"].dropna()
    layers = [
        estimate(lambda x: float(x.mean()), columns(t, "vinfo"), null=NOTHING)
        for _, t in shuffled.groupby("layer", sort=False)
    ]
    e = max(layers, key=lambda layer: layer.high)
    add(
        "control.shuffled",
        "control",
        f"codes shuffled over images are not decodable: V-information is below {NOTHING} in every layer",
        "mean V-information, the layer whose interval reaches highest",
        e,
        len(shuffled.drop_duplicates(["seed", "feature"])),
        _worst([_below(layer, NOTHING) for layer in layers]),
    )

    deepest = list(dict.fromkeys(control_vinfo["layer"]))[-1]
    untrained = control_vinfo[(control_vinfo["control"] == "untrained") & (control_vinfo["layer"] == deepest)]
    both = features.merge(untrained, on=["seed", "feature"])
    e = estimate(lambda x: float((x[:, 0] - x[:, 1]).mean()), columns(both, f"vinfo_{deepest}", "vinfo"))
    add(
        "control.untrained",
        "control",
        "training makes the features decodable: the last layer tells more of them than the untrained network's",
        "mean V-information, trained − untrained network",
        e,
        len(both),
        _above(e, 0),
    )
    return found


def write_findings(found: Sequence[Finding], notes: Sequence[str], run: str, folder: str | Path) -> None:
    """Write findings.json and findings.md."""
    folder = Path(folder)
    plain = [{k: None if v != v else v for k, v in asdict(f).items()} for f in found]  # no NaN in JSON
    content = json.dumps(plain, indent=1, allow_nan=False) + "\n"
    store.write_bytes(folder / "findings.json", content.encode())
    rows = [("id", "claim", "statistic", "value [interval]", "n", "verdict")]
    for f in found:
        defined = f.value == f.value
        value = f"{f.value:+.3f} [{f.ci_low:+.3f}, {f.ci_high:+.3f}]" if defined else "not defined"
        rows.append((f.id, f.claim, f.statistic, value, str(f.n), f"**{f.verdict}**"))
    lines = [
        f"# Findings of run {run}",
        "",
        *_markdown_table(rows),
        "",
        *(f"- {note}" for note in notes),
        "",
    ]
    store.write_bytes(folder / "findings.md", "\n".join(lines).encode())


def _markdown_table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in rows]
    return [lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]]


def _above(e: Estimate, null: float) -> str:
    return "supported" if e.low > null else "not supported" if e.high < null else "undecided"


def _below(e: Estimate, null: float) -> str:
    return "supported" if e.high < null else "not supported" if e.low > null else "undecided"


def _worst(verdicts: Sequence[str]) -> str:
    """Return the verdict on a claim that has to hold in every layer."""
    return next((v for v in ("not supported", "undecided") if v in verdicts), "supported")


def _near_zero(e: Estimate, margin: float) -> str:
    if -margin < e.low and e.high < margin:
        return "supported"
    return "not supported" if e.low > margin or e.high < -margin else "undecided"


def notes(
    features: pd.DataFrame, codes: pd.DataFrame, history: pd.DataFrame, skipped: pd.DataFrame, superclasses: bool
) -> list[str]:
    """Say what a reader of the findings should know besides: accuracy, fit of the codes, what is missing."""
    last = codes[codes["epoch"] == codes["epoch"].max()]
    accuracy = history[history["epoch"] == history["epoch"].max()]["accuracy"]
    constant = int(features["complexity"].isna().sum())
    said = [
        f"accuracy on test images after the last epoch: {accuracy.mean():.4f}",
        f"codes of the last checkpoint: R² {last['r2'].mean():.4f}, {last['zeros'].mean():.1%} zeros, "
        f"{last['unsolved'].sum()} images unsolved",
        f"features without V-information (constant code), left out of the claims: {constant} of {len(features)}",
    ]
    if len(skipped):
        names = ", ".join(skipped["image"].head(5))
        more = " …" if len(skipped) > 5 else ""
        said.append(f"unreadable images, skipped: {len(skipped)} ({names}{more}; all in images/*-skipped.csv)")
    if not superclasses:
        said.append("left out, because no super-classes are given (data.superclasses): the figure a_superclasses")
    return said
