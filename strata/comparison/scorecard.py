"""The scorecard: every claim in every run, what is left of it beside confounds and nulls, and that in words."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from strata.claims.finding import QUESTIONS, Finding
from strata.claims.findings import markdown_table
from strata.claims.numbers import defined, signed, with_interval
from strata.claims.registry import begins_at, chance_of
from strata.measures.stability import STABLE
from strata.run import Run

# What of a finding's `given` is told, and what its columns begin with.
LEFT = {"all of these": "given_all", "relative complexity": "relative"}


def scorecard(runs: Mapping[str, Run]) -> pd.DataFrame:
    """Return every claim in every run.

    Parameters
    ----------
    runs
        By what they are called.

    Returns
    -------
    DataFrame
        One row a claim and run, also of claims that a run does not test, whose other columns are then missing: id,
        question, claim, statistic, run, unit, n, value, ci_low, ci_high, p_adjusted, alone, given_all and relative
        (each with _low, _high and _verdict: the same correlation given all confounds, and with relative complexity),
        nulls (those that the run has), not_beaten (those of them that the claim does not differ from), verdict,
        because.
    """
    said = {name: {f.id: f for f in run.findings} for name, run in runs.items()}
    first = {id: f for own in reversed(said.values()) for id, f in own.items()}
    order = list(dict.fromkeys(id for own in said.values() for id in own))
    order.sort(key=lambda id: list(QUESTIONS).index(first[id].question))
    rows = [
        {
            **{name: getattr(first[id], name) for name in ("id", "question", "claim", "statistic")},
            "run": name,
            **(_numbers(own[id]) if id in own else {}),
        }
        for id in order
        for name, own in said.items()
    ]
    table = pd.DataFrame(rows)
    left = [f"{name}{end}" for name in LEFT.values() for end in ("", "_low", "_high")]
    numbers = ["value", "ci_low", "ci_high", "p_adjusted", *left]
    verdicts = [f"{name}_verdict" for name in LEFT.values()]
    texts = ["unit", "alone", "verdict", "because", "nulls", "not_beaten", *verdicts]
    return table.assign(**{name: table[name].astype(object).fillna("") for name in texts}).astype(
        dict.fromkeys(numbers, float)
    )


def _numbers(f: Finding) -> dict[str, Any]:
    given = {told["given"]: told for told in f.given}
    left: dict[str, Any] = {}
    for way, name in LEFT.items():
        told = given.get(way, {})
        ends = {"": "value", "_low": "ci_low", "_high": "ci_high", "_verdict": "verdict"}
        left |= {f"{name}{end}": told.get(key) for end, key in ends.items()}
    return {
        **{name: getattr(f, name) for name in ("unit", "n", "value", "ci_low", "ci_high", "p_adjusted", "alone")},
        **left,
        "nulls": "; ".join(null["null"] for null in f.nulls),
        "not_beaten": "; ".join(null["null"] for null in f.nulls if not null["beaten"]),
        "verdict": f.verdict,
        "because": "; ".join(f.because),
    }


def about(runs: Mapping[str, Run]) -> pd.DataFrame:
    """Return what each run is.

    Parameters
    ----------
    runs
        By what they are called.

    Returns
    -------
    DataFrame
        One row a run: run, classes, features, seeds, layers, checkpoints (trained ones), accuracy (on test images after
        the last epoch, the mean over seeds; missing where it is not measured), chance, learned (False where the
        accuracy is not clearly above chance).
    """
    rows = []
    for name, run in runs.items():
        features, history = run.features, run.history
        accuracy = history[history["epoch"] == history["epoch"].max()]["accuracy"].mean()
        chance = chance_of(features)
        probed = [str(column) for column in features if str(column).startswith("vinfo_")]
        rows.append(
            {
                "run": name,
                "classes": features["class"].nunique(),
                "features": len(features),
                "seeds": features["seed"].nunique(),
                "layers": len(probed),
                "checkpoints": len(run.checkpoints) - 1,
                "accuracy": accuracy,
                "chance": chance,
                "learned": not accuracy < begins_at(chance),
            }
        )
    return pd.DataFrame(rows)


def page(name: str, score: pd.DataFrame, *, told: pd.DataFrame, pairs: pd.DataFrame, unmatched: Sequence[str]) -> str:
    """Return the comparison as a page to read, in Markdown.

    Parameters
    ----------
    name
        Of the comparison.
    score
        Every claim in every run (see `scorecard`).
    told
        What each run is (see `about`).
    pairs
        How features matched across runs agree (see `strata.comparison.matched.agreement`).
    unmatched
        Why runs were not matched, and which.
    """
    lines = [f"# Do the conclusions travel? Comparison {name}", "", *_headlines(score, told), *_runs(told), ""]
    lines += ["## Every claim in every run", "", "Verdict and raw value; – where a run does not test the claim.", ""]
    names = list(told["run"])
    wide = {str(id): own.set_index("run") for id, own in score.groupby("id", sort=False)}
    rows = [[id, *(_short(own.loc[run]) for run in names)] for id, own in wide.items()]
    lines += markdown_table([["claim", *names], *rows])
    lines += ["", "## What is left of each", ""]
    for id, own in wide.items():
        lines += [f"**{id}**: {own['claim'].iloc[0]} ({own['statistic'].iloc[0]}).", ""]
        header = ["run", "raw [interval]", "given all confounds", "with relative complexity", "nulls passed", "verdict"]
        lines += [*markdown_table([header, *([run, *_in_full(own.loc[run])] for run in names)]), ""]
    lines += ["## The same features in several networks", "", *_matched(pairs), *(f"- {why}" for why in unmatched)]
    return "\n".join(lines).rstrip() + "\n"


def _headlines(score: pd.DataFrame, told: pd.DataFrame) -> list[str]:
    """Say of every claim where it is supported, by how far it travels."""
    learned = list(told[told["learned"]]["run"])
    groups: dict[str, list[str]] = {
        "Supported in every run that tests it": [],
        "Supported in some": [],
        "Supported in none": [],
    }
    claims = score[score["question"] != "control"]
    for _, own in claims.groupby("id", sort=False):
        tested = own[own["run"].isin(learned) & (own["verdict"] != "")]
        holds = tested["verdict"] == "supported"
        if len(tested):
            list(groups.values())[0 if holds.all() else 1 if holds.any() else 2].append(_headline(own, learned))
    lines = []
    for title, members in groups.items():
        if members:
            lines += [f"**{title}** ({len(members)} of {sum(map(len, groups.values()))})", *members, ""]
    without = [name for name in told["run"] if name not in learned]
    if without:
        lines += [f"Runs that have not learned their task are counted apart: {', '.join(without)}.", ""]
    return lines


def _headline(own: pd.DataFrame, learned: Sequence[str]) -> str:
    """Tell one claim in a line."""
    by_verdict: dict[str, list[str]] = {}
    for run, verdict in zip(own["run"], own["verdict"], strict=True):
        if run in learned:
            by_verdict.setdefault(verdict or "not tested", []).append(run)
    ordered = [v for v in ("supported", "undecided", "not supported", "not tested") if v in by_verdict]
    where = "; ".join(f"{verdict} in {', '.join(by_verdict[verdict])}" for verdict in ordered)
    line = f"- {own['claim'].iloc[0]}: {where}"
    supported = own[own["run"].isin(by_verdict.get("supported", []))]
    for column, words in (("given_all", "given all confounds"), ("relative", "with relative complexity")):
        if supported[column].notna().any():
            kept = list(supported[supported[f"{column}_verdict"] == "supported"]["run"])
            line += f"; {words} still in {', '.join(kept) or 'none'}"
    idle = own[~own["run"].isin(learned) & (own["verdict"] == "supported")]
    return line + (f"; but also where no task was learned ({', '.join(idle['run'])})" if len(idle) else "")


def _runs(told: pd.DataFrame) -> list[str]:
    rows = [["run", "classes", "features", "seeds", "layers", "trained checkpoints", "accuracy (chance)"]]
    for run in told.to_dict("records"):
        accuracy = f"{run['accuracy']:.3f} ({run['chance']:.3f})" if run["accuracy"] == run["accuracy"] else "–"
        counts = [f"{run[name]:,}" for name in ("classes", "features", "seeds", "layers", "checkpoints")]
        rows.append([run["run"], *counts, accuracy])
    return ["## The runs", "", *markdown_table(rows)]


def _short(row: pd.Series) -> str:
    if not row["verdict"]:
        return "–"
    return f"{row['verdict']} {signed(row['value'], 2) if defined(row['value']) else '(not defined)'}"


def _in_full(row: pd.Series) -> list[str]:
    if not row["verdict"]:
        return ["–"] * 5
    nulls, not_beaten = (text.split("; ") if text else [] for text in (row["nulls"], row["not_beaten"]))
    beaten = f"{len(nulls) - len(not_beaten)} of {len(nulls)}" if nulls else "–"
    return [
        interval(row, "value"),
        *(interval(row, name) for name in LEFT.values()),
        f"{beaten} (not: {', '.join(not_beaten)})" if not_beaten else beaten,
        row["verdict"],
    ]


def interval(row: pd.Series | Mapping[Any, Any], name: str) -> str:
    """Return a value with its interval, as text; a dash where there is none.

    Parameters
    ----------
    row
        With the value under its name, and the ends of its interval under <name>_low and <name>_high; those of `value`
        are ci_low and ci_high.
    name
        Of the value.
    """
    ends = ("ci_low", "ci_high") if name == "value" else (f"{name}_low", f"{name}_high")
    value, low, high = (row[column] for column in (name, *ends))
    return with_interval(value, (low, high)) if defined(value) else "–"


def _matched(pairs: pd.DataFrame) -> list[str]:
    if pairs.empty:
        return ["No two of these runs could be matched: features are, where runs share images and classes.", ""]
    correlations = {"rho": "ρ of K", "rho_same": f"ρ of K, codes r ≥ {STABLE}", "rho_relative": "ρ of relative K"}
    header = ["runs", "images", "features", "median r of codes", *correlations.values()]
    rows = [
        [
            f"{pair['run']}, {pair['other_run']}",
            *(f"{pair[count]:,}" for count in ("images", "n")),
            f"{pair['correlation']:.2f}",
            *(interval(pair, name) for name in correlations),
        ]
        for pair in pairs.to_dict("records")
    ]
    return [*markdown_table([header, *rows]), ""]
