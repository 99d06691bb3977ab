"""What Snakemake runs again after a change: what depends on it, and nothing else."""

import pytest
from workplace import TINY

pytestmark = pytest.mark.workflow

REPORT = {"report"}
FIGURES = {"figures", *REPORT}
FINDINGS = {"findings", *FIGURES}
MEASUREMENTS = {"measurements", "support", "decoded", *FINDINGS}
ATLAS = {"atlas", *MEASUREMENTS}
REDUNDANCY = {"redundancy", *MEASUREMENTS}
ROBUSTNESS = {"robustness", *MEASUREMENTS}
PROBES = {"probes", *REDUNDANCY}
IMPORTANCE = {"importance", *MEASUREMENTS}
SHUFFLED = {"shuffled_codes", *PROBES}
CODES = {"codes", "importance", "robustness", *SHUFFLED}
DICTIONARY = {"features", "atlas", "random_directions", *CODES}
FEATURES = {"class_features", *DICTIONARY}
DISCOVERY = {"discovery", *FEATURES}
CACHED = {"activations", "codes", "importance", *SHUFFLED}
ACTIVATIONS = {"activations", *FEATURES}
TRAIN = {"train", *ACTIVATIONS}
IMAGES = {"images", "discovery", *TRAIN}
ALL = {"index", *IMAGES}
NOTHING = set()


def test_after_a_full_run_there_is_nothing_to_do(again):
    assert again.plan() == {}


@pytest.mark.parametrize(
    ("key", "value", "rerun"),
    [
        ("figures.dpi", 60, FIGURES),
        ("figures.examples", 9, FIGURES),
        ("questions.bootstrap", 200, FINDINGS),
        ("activations.keep", False, NOTHING),
        ("questions.importance_target", "label", MEASUREMENTS),
        ("questions.meta_features", 3, ATLAS),
        ("questions.visualise", True, {"visualise", *FINDINGS}),
        ("questions.seed", 1, {"random_directions", "codes", "robustness", *SHUFFLED, *ATLAS}),
        ("questions.redundancy.share", 0.5, REDUNDANCY),
        ("questions.noise", [0.1], ROBUSTNESS),
        ("questions.noise_images", 20, ROBUSTNESS),
        ("probes.penalties", [0.001, 1.0], PROBES),
        ("probes.folds", 4, PROBES),
        ("codes.tolerance", 1e-5, CODES),
        ("features.per_class", 2, FEATURES),
        ("features.images_per_class", 20, DISCOVERY),
        ("features.crops", 2, DISCOVERY),
        ("activations.dtype", "float16", CACHED),
        ("activations.pool", 2, ACTIVATIONS),
        ("training.momentum", 0.8, TRAIN),
        ("model.arguments", {"depths": [1, 1], "width": 4}, TRAIN),
        ("data.size", 24, IMAGES),
        ("data.seed", 1, ALL),
    ],
)
def test_a_changed_key_reruns_what_uses_it(again, key, value, rerun):
    assert again.plan(changes={key: value}).keys() == rerun


def test_a_default_written_out_reruns_nothing(again):
    assert again.plan(changes={"training.momentum": 0.9, "data.path": None}) == {}


def test_keys_in_another_order_rerun_nothing(again):
    arguments = dict(reversed(TINY["model"]["arguments"].items()))
    training = dict(reversed(TINY["training"].items()))
    assert again.plan(changes={"training": training, "model.arguments": arguments}) == {}


# By hand: the scripts that import the module, directly or through another, and what follows them.
@pytest.mark.parametrize(
    ("module", "rerun"),
    [
        ("figures/drawing", FIGURES),
        ("figures/claims", FIGURES),
        ("figures/what", FIGURES),
        ("figures/when", FIGURES),
        ("figures/where", FIGURES),
        ("figures/how_much", FIGURES),
        ("figures/appendix_map", FIGURES),
        ("figures/families", FIGURES),
        ("figures/appendix", FIGURES),
        ("figures/truth", FIGURES),
        ("questions", FINDINGS),
        ("findings", FINDINGS),
        ("truth", FINDINGS),
        ("statistics", FINDINGS),
        ("measurements", IMPORTANCE),
        ("atlas", ATLAS),
        ("decoding", {"decoded", *FIGURES}),
        ("visualisation", NOTHING),  # the tiny run makes no pictures
        ("probes", PROBES),
        ("perceptron", NOTHING),  # until the family is mlp: test_perceptrons.py
        ("redundancy", REDUNDANCY),
        ("robustness", ROBUSTNESS),
        ("features", FEATURES),
        ("dictionary", DICTIONARY),
        ("discovery", DISCOVERY),
        ("codes", CODES),
        ("activations", ACTIVATIONS),
        ("layers", ACTIVATIONS),
        ("training", TRAIN),
        ("launching", TRAIN),
        ("signals", TRAIN),
        ("models", TRAIN),
        ("data", ALL),
        ("shapes", ALL),
        ("tars", ALL),
        ("progress", ALL),
        ("store", ALL),
        ("errors", ALL),
        ("config", NOTHING),
        ("costs", NOTHING),
        ("swaps", NOTHING),
        ("sources", NOTHING),
        ("series", NOTHING),
        ("weights", NOTHING),  # the tiny run trains its network
    ],
)
def test_an_edited_module_reruns_the_rules_that_reach_it(again, module, rerun):
    again.append(f"strata/{module}.py", "\n# an edit\n")
    assert again.plan().keys() == rerun


def test_every_module_of_strata_has_its_expectation_above(finished):
    """A new module must be added to the table."""
    marks = test_an_edited_module_reruns_the_rules_that_reach_it.pytestmark
    expected = {module for mark in marks if mark.name == "parametrize" for module, _ in mark.args[1]}
    package = finished.path("strata")
    paths = {path.relative_to(package).with_suffix("") for path in package.rglob("*.py")}
    modules = {str(path) for path in paths if path.name != "__init__"}
    assert modules == expected


def test_an_edited_script_reruns_its_rule(again):
    again.append("workflow/scripts/findings.py", "\n# an edit\n")
    assert again.plan().keys() == FINDINGS


def test_an_edited_caption_reruns_the_report_only(again):
    again.append("workflow/report/q2_emergence.rst", "\nAn edit.\n")
    assert again.plan().keys() == REPORT


def test_another_layer_is_cached_and_probed_without_training_again(again):
    plan = again.plan(changes={"activations.layers": ["stem", "block-02"]})
    assert plan.keys() == CACHED


def test_another_epoch_trains_again(again):
    plan = again.plan(changes={"training.epochs": 3})
    assert plan.keys() == TRAIN


def test_another_seed_leaves_what_the_first_measured(again):
    plan = again.plan(changes={"seeds": [0, 1]})
    alone = again.plan(changes={"seeds": [1]})
    gathered = dict.fromkeys(("measurements", "support", "decoded", "findings", "figures", "report"), 1)
    assert plan == alone
    assert plan == {
        "train": 1,
        "activations": 6,
        "class_features": 3,
        "features": 3,
        "codes": 8,
        "random_directions": 1,
        "shuffled_codes": 2,
        "probes": 8,
        "redundancy": 1,
        "robustness": 1,
        "importance": 1,
        "atlas": 1,
        **gathered,
    }
