"""The answer: one self-contained page that answers the four questions of a run, beside what it takes to believe it.

It asks for nothing but itself, needs no script, and follows from the run's files alone, so that the same run gives the
same bytes. Its addresses: `#q1` to `#q4` for the questions; `#claims`, `#appendix`, `#truth`, `#control`, `#network`
and `#provenance` for what follows them; the name of a figure for the figure.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from strata import tables
from strata.claims.answers import Answer, answers, sentence
from strata.claims.finding import QUESTIONS, Finding
from strata.claims.registry import CLAIMS
from strata.figures import catalogue
from strata.page.claims import Claim, shown
from strata.page.pictures import Picture, picture
from strata.page.studied import studied

# Under which address a figure stands, by its heading in the catalogue; the order is that of the page.
_PLACES = {
    catalogue.WHAT: "q1",
    catalogue.WHEN: "q2",
    catalogue.WHERE: "q3",
    catalogue.HOW_MUCH: "q4",
    catalogue.FINDINGS: "claims",
    catalogue.APPENDIX: "appendix",
    catalogue.TRUTH: "truth",
    catalogue.CONTROLS: "control",
    catalogue.NETWORK: "network",
}
_NO_RESULT = {"overwrite", "costs"}  # keys of the configuration that make no result
_OTHER_HEADINGS = {"claims": "All claims at a glance", "network": "The network"}


@dataclass(frozen=True)
class Section:
    """A part of the page: its address, the claims of it and the figures, the main ones first.

    Attributes
    ----------
    address
        By which it is linked to.
    heading
        Above it.
    answer
        To the question; None where it is of none.
    claims, pictures
        That it shows.
    """

    address: str
    heading: str
    answer: Answer | None
    claims: Sequence[Claim]
    pictures: Sequence[Picture]


def page(
    folder: str | Path, config: Mapping[str, Any], *, figures: Sequence[str], record: Mapping[str, Any] | None
) -> str:
    """Return the page of a finished run.

    Parameters
    ----------
    folder
        The folder of the run.
    config
        Its configuration, as plain values.
    figures
        Names of the figures that it has.
    record
        What made its results (see `strata.provenance`); None where that is not recorded.
    """
    folder = Path(folder)
    found = [Finding(**told) for told in json.loads((folder / "findings.json").read_text())]
    left_out = json.loads((folder / "left_out.json").read_text())
    features = tables.read(folder / "features.csv")
    pictures = {name: picture(folder, catalogue.FIGURES[name], config=config) for name in figures}
    told = answers(found, left_out)
    sections = [_section(address, found, told=told, pictures=pictures) for address in _PLACES.values()]
    sections = [section for section in sections if section.answer or section.claims or section.pictures]
    return _template().render(
        run=config["run"],
        seeds=[int(seed) for seed in features["seed"].unique()],
        confidence=f"{100 * config['questions']['confidence']:g} %",
        studied=studied(folder, config, features=features),
        answers=told,
        controls=[(f, sentence(f)) for f in found if f.question == "control"],
        sections=sections,
        left_out={_in_words(what): why for what, why in left_out.items()},
        record=record,
        configuration=yaml.safe_dump(
            {key: value for key, value in config.items() if key not in _NO_RESULT}, sort_keys=False, allow_unicode=True
        ),
    )


def _in_words(what: str) -> str:
    """Return what is left out: of a claim, its words beside its id."""
    return next((f"{claim.claim} ({what})" for claim in CLAIMS if claim.id == what), what)


def _template() -> Template:
    loader = FileSystemLoader(Path(__file__).with_name("answer"))
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters["held"] = lambda said: said.replace(" = ", "\u00a0=\u00a0")  # no line ends between ρ and its value
    return made.get_template("answer.html.jinja")


def _section(
    address: str,
    found: Sequence[Finding],
    *,
    told: Sequence[Answer],
    pictures: Mapping[str, Picture],
) -> Section:
    """Return a part of the page; the figure of its first claim comes first."""
    question = address.removeprefix("q") if address[1:].isdigit() else address
    claims = [f for f in found if f.question == question]
    names = [name for name in pictures if _PLACES[catalogue.FIGURES[name].question] == address]
    names.sort(key=lambda name: not claims or name != claims[0].figure)
    return Section(
        address=address,
        heading=_OTHER_HEADINGS.get(address) or QUESTIONS[question],
        answer=next((answer for answer in told if answer.question == question), None),
        claims=[shown(f) for f in claims],
        pictures=[pictures[name] for name in names],
    )
