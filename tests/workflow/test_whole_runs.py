"""Runs from images to report on the tiny configuration."""

import csv
import json
import shutil
from html import unescape
from itertools import permutations

import h5py
import pytest
from workplace import CHECKPOINTS, RUN, SEED, SHARDS

from strata.claims.registry import CLAIMS
from strata.figures.catalogue import FIGURES as CATALOGUE
from strata.measures.catalogue import MEASURES

pytestmark = pytest.mark.workflow

PROBED = ("stem", "block-01", "block-02", "penultimate")
BRANCHES = ("block-01-main", "block-01-skip", "block-02-main", "block-02-skip")
LAST = CHECKPOINTS[-1]
ENDS = (CHECKPOINTS[0], LAST)  # whose branches are looked at
HALVES = ("half-0", "half-1")
FIGURES = [name for name, figure in CATALOGUE.items() if figure.needs in ("", "checkpoints", "branches")]
TABLES = ("by_checkpoint", "by_fold", "decoding", "importance_targets", "branch_cka", "control_vinfo", "support")
ANSWERS = ("1.", "2.", "3.", "4.")  # how their lines begin in findings.md
FINDINGS = {claim.id for claim in CLAIMS if claim.id != "a.families"}


def outputs_of_the_contract():
    yield from (f"{RUN}/images/{shard}.h5" for shard in SHARDS)
    for checkpoint in CHECKPOINTS:
        yield f"{SEED}/checkpoints/{checkpoint}.pt"
        yield f"{SEED}/features/{checkpoint}.h5"
        for shard in SHARDS:
            yield f"{SEED}/codes/{checkpoint}/{shard}.h5"
            for layer in (*PROBED, *(BRANCHES if checkpoint in ENDS else ())):
                yield f"{SEED}/activations/{checkpoint}/{layer}/{shard}.h5"
    for half in HALVES:
        yield f"{SEED}/features/{half}.h5"
        yield from (f"{SEED}/codes/{half}/{shard}.h5" for shard in SHARDS)
    for population in ("learned", "random", "untrained"):
        for measure in MEASURES.values():
            if measure.of_nulls or population == "learned":
                yield from (f"{SEED}/measured/{population}/{table}.csv" for table in measure.written)
        yield from (f"{SEED}/tables/{population}/{name}.csv" for name in ("features", *TABLES))
    yield from (f"{RUN}/tables/null_{name}.csv" for name in ("features", "by_checkpoint", "branch_cka", "support"))
    yield from (f"{SEED}/{name}" for name in ("training.csv", "decoded.h5"))
    yield from (f"{RUN}/{name}" for name in ("features.csv", "findings.json", "findings.md", "left_out.json"))
    for name in FIGURES:
        yield from (f"{RUN}/figures/{name}.{kind}" for kind in ("svg", "png"))
        yield f"{RUN}/tables/{name}.csv"
    yield from (f"{RUN}/tables/{name}.csv" for name in TABLES)
    yield from (f"{RUN}/{page}" for page in ("index.html", "report.html"))


def table(place, name):
    with open(place.path(f"{RUN}/{name}"), newline="") as file:
        return list(csv.DictReader(file))


def no_constant(name):
    raise AssertionError(f"{name} is no JSON")


@pytest.mark.parametrize("path", [*outputs_of_the_contract()])
def test_a_run_writes_every_output_of_the_contract(finished, path):
    assert finished.path(path).stat().st_size > 0


def test_a_run_leaves_no_temporary_file_and_no_training_state(finished):
    assert finished.temporary() == []
    assert not finished.path(f"{SEED}/training-state").exists()


def test_a_run_leaves_nothing_that_dictionaries_were_made_of(finished):
    assert list(finished.files("seed-0/discovery/**/*")) == []


def test_jobs_run_the_package_of_the_copy(finished):
    """Otherwise no test here would see a module that it edits."""
    compiled = {path.name.split(".")[0] for path in finished.path("strata/__pycache__").glob("*.pyc")}
    assert {"store", "tables", "job"} <= compiled


def test_features_are_probed_in_their_own_checkpoint_and_the_last_ones_in_all(finished):
    probed = {}
    for path in finished.files("seed-0/vinfo/**/*.h5").values():
        with h5py.File(path) as file:
            probed.setdefault((path.parts[-4], path.parts[-3]), set()).update(file)
    first, last = CHECKPOINTS[0], CHECKPOINTS[-1]
    assert probed == {
        **{("own", checkpoint): {checkpoint, f"random-{checkpoint}"} for checkpoint in CHECKPOINTS},
        ("followed", first): {last},
        **{("followed", checkpoint): {last, f"random-{last}", first} for checkpoint in CHECKPOINTS[1:]},
        ("others", last): {"shuffled", "projections"},
        ("flow", last): {last, f"random-{last}"},
        ("flow", first): {first},
    }


def test_features_csv_has_a_row_a_feature_and_the_columns_of_the_contract(finished):
    rows = table(finished, "features.csv")
    assert [(row["seed"], row["feature"]) for row in rows] == [("0", str(i)) for i in range(30)]
    assert [row["class"] for row in rows] == [str(digit) for digit in range(10) for _ in range(3)]
    scalars = ("complexity", "temporal_decoding_score", "importance", "signed_importance")
    scalars += ("redundancy", "robustness", "hoyer", "stability", "stability_codes")
    assert {*scalars, *(f"vinfo_{layer}" for layer in PROBED)} <= rows[0].keys()
    assert {"meta_feature", "umap_x", "umap_y"} <= rows[0].keys()
    assert {row["meta_feature"] for row in rows} == {str(i) for i in range(8)}  # 1.5 times the root of 30
    assert all(0 <= float(row["complexity"]) <= 1 for row in rows if row["complexity"])


def test_redundancy_robustness_and_hoyer_sparsity_are_shares(finished):
    rows = table(finished, "features.csv")
    for column in ("redundancy", "robustness", "hoyer"):
        values = [float(row[column]) for row in rows if row[column]]
        assert len(values) > 20, column
        assert all(0 <= value <= 1 for value in values), column


def test_stability_tells_of_every_feature_how_like_its_matches_in_both_halves_are(finished):
    rows = table(finished, "features.csv")
    d, *halves = (h5py.File(finished.path(f"{SEED}/features/{name}.h5"))["dictionary"][:] for name in (LAST, *HALVES))
    assert not (halves[0] == halves[1]).all()
    of_class = [range(start, start + 3) for start in range(0, 30, 3)]
    for row, own in zip(rows, d, strict=True):
        among = of_class[int(row["class"])]
        assert float(row["stability"]) <= sum(max(half[among] @ own) for half in halves) / 2 + 1e-6
    mean = sum(float(row["stability"]) for row in rows) / 30
    best = [
        max(sum(half[among[0] + j] @ d[among[0] + i] for i, j in enumerate(order)) for order in permutations(range(3)))
        for half in halves
        for among in of_class
    ]
    assert mean == pytest.approx(sum(best) / 60, abs=1e-6)
    assert all(-1 <= float(row["stability_codes"]) <= 1 for row in rows if row["stability_codes"])


def test_the_random_directions_are_decoded_in_every_layer(finished):
    rows = [row for row in table(finished, "tables/control_vinfo.csv") if row["control"] == "random"]
    assert [row["layer"] for row in rows] == [layer for layer in PROBED for _ in range(30)]
    assert any(float(row["vinfo"]) > 0.1 for row in rows if row["vinfo"])


def test_a_run_without_superclasses_says_so(finished):
    assert "a_superclasses" in finished.path(f"{RUN}/findings.md").read_text()
    assert finished.files("figures/a_superclasses*") == {}


def test_findings_have_the_ids_and_fields_of_the_contract_and_no_nan(finished):
    text = finished.path(f"{RUN}/findings.json").read_text()
    found = json.loads(text, parse_constant=no_constant)
    assert {finding["id"] for finding in found} >= FINDINGS
    assert len({finding["id"] for finding in found}) == len(found)
    fields = ["id", "question", "claim", "statistic", "value", "ci_low", "ci_high", "p_value", "n", "verdict"]
    assert all(list(finding)[: len(fields)] == fields for finding in found)
    assert {finding["verdict"] for finding in found} <= {"supported", "not supported", "undecided"}


def test_findings_md_names_every_claim_and_the_accuracy(finished):
    text = finished.path(f"{RUN}/findings.md").read_text()
    for finding in json.loads(finished.path(f"{RUN}/findings.json").read_text()):
        assert f"| {finding['id']} " in text
        assert finding["claim"][1:] in text
    last = table(finished, "../tiny/seed-0/training.csv")[-1]
    assert f"{float(last['accuracy']):.4f}" in text


def test_every_finding_is_shown_by_a_figure_of_the_run(finished):
    for finding in json.loads(finished.path(f"{RUN}/findings.json").read_text()):
        assert finding["figure"] in FIGURES


def test_training_csv_has_a_row_an_epoch(finished):
    rows = table(finished, "seed-0/training.csv")
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert list(rows[0]) == ["epoch", "loss", "accuracy", "learning_rate"]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])


def test_the_report_holds_every_figure(finished):
    report = finished.path(f"{RUN}/report.html").read_text()
    assert [name for name in FIGURES if f"{name}.svg" not in report] == []


def test_the_page_and_the_report_open_with_the_answers_of_findings_md(finished):
    said = [line for line in finished.path(f"{RUN}/findings.md").read_text().splitlines() if line[:2] in ANSWERS]
    assert len(said) == 4
    page, report = (finished.path(f"{RUN}/{name}.html").read_text() for name in ("index", "report"))
    for line in said:
        answer = line.partition("**: ")[2]
        assert answer in " ".join(unescape(page).split())
        assert json.dumps(answer)[1:-1] in report
    assert json.dumps('href="index.html"')[1:-1] in report


@pytest.fixture(scope="module")
def two_seeds(finished, tmp_path_factory):
    """The finished run with a second seed, borrowed from the first and made simpler: only what gathers both has run."""
    place = finished.copy(tmp_path_factory.mktemp("workflow") / "seeds")
    shutil.copytree(place.path(SEED), place.path(f"{RUN}/seed-1"))
    last = CHECKPOINTS[-1]
    for path in place.files(f"seed-1/vinfo/own/{last}/linear/stem-*.h5").values():
        with h5py.File(path, "r+") as file:
            for layer in PROBED:
                file[f"{last}/{layer}/vinfo"][:] = 0.999
    changes = {"seeds": [0, 1]}
    joined = ("seed_stability", "gather", "nulls", "findings", "draw", "report", "answer", "explorer", "crate")
    # Of the second seed, of what was learned and of other directions in the same file; and what joins both.
    assert place.plan(changes=changes) == {"measurements": 2, "support": 2, **dict.fromkeys(joined, 1)}
    done = place.make(changes=changes)
    assert done.code == 0, done.output
    return place


def test_two_seeds_are_gathered_into_one_table(two_seeds):
    rows = table(two_seeds, "features.csv")
    importances = [[row["importance"] for row in rows if row["seed"] == seed] for seed in "01"]
    assert len(importances[0]) == 30
    assert importances[0] == importances[1]
    assert {row["complexity"] for row in rows if row["seed"] == "1"} != {row["complexity"] for row in rows[:30]}


def test_the_features_of_both_seeds_are_matched_by_their_codes(two_seeds):
    rows = table(two_seeds, "tables/stability_seeds.csv")
    assert list(rows[0]) == ["seed", "feature", "other_seed", "match", "correlation"]
    assert [(row["seed"], row["other_seed"]) for row in rows] == 30 * [("0", "1")] + 30 * [("1", "0")]
    told = [row for row in rows if row["correlation"]]
    assert len(told) > 50
    assert all(row["match"] == row["feature"] for row in told)
    assert [float(row["correlation"]) for row in told] == pytest.approx([1] * len(told))
    assert {row["stability_seeds"] for row in table(two_seeds, "tables/a_stability.csv")} != {""}


def test_every_claim_counts_the_features_of_both_seeds(finished, two_seeds):
    before, after = (json.loads(place.path(f"{RUN}/findings.json").read_text()) for place in (finished, two_seeds))
    counts = {a["id"]: (a["n"], b["n"]) for a, b in zip(before, after, strict=True)}
    assert {name: pair for name, pair in counts.items() if pair[1] != 2 * pair[0]} == {}


def test_the_spectrum_shows_features_of_the_seed_whose_codes_choose_their_images(two_seeds):
    """The rule hands over the codes of the first seed."""
    assert {row["seed"] for row in table(two_seeds, "tables/q1_spectrum.csv")} == {"0"}


def test_pictures_are_made_where_they_are_asked_for_and_shown(again):
    changes = {"questions.visualise": True, "questions.visualise_steps": 2}
    done = again.make(changes=changes)
    assert done.code == 0, done.output
    with h5py.File(again.path(f"{SEED}/pictures.h5"), "r") as file:
        assert file["pictures"].shape == (8, 24, 24, 3)
        assert file["block-02/pictures"].shape == (3, 24, 24, 3)
        assert file["pictures"][:].std() > 10
    rows = {name: len(table(again, f"tables/{name}.csv")) for name in ("q1_meta_features", "q1_plate")}
    assert rows == {"q1_meta_features": 8, "q1_plate": 9}
    assert again.plan(changes=changes) == {}
