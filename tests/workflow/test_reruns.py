"""What Snakemake runs again after a change: what depends on it, and nothing else."""

import re

import pytest
from workplace import REPOSITORY, TINY

from strata import dependencies
from strata.claims.controls import CONTROLS
from strata.features.methods import METHODS
from strata.figures.catalogue import FIGURES
from strata.images.sources import SOURCES
from strata.measures.catalogue import MEASURES
from strata.probes.families import FAMILIES

pytestmark = pytest.mark.workflow

# By hand: a rule, and all that follows it in the tiny run.
CRATE = {"crate"}
REPORT = {"report", *CRATE}
ANSWER = {"answer", *CRATE}
DRAW = {"draw", *REPORT, *ANSWER}
EXPLORER = {"explorer", *CRATE}
FINDINGS = {"findings", *DRAW, *EXPLORER}
GATHER = {"gather", *FINDINGS}
NULLS = {"nulls", *FINDINGS}
SUPPORT = {"support", *GATHER, *NULLS}
DECODED = {"decoded", *DRAW}
MEASUREMENTS = {"measurements", *SUPPORT, *DECODED}
LEARNED = MEASUREMENTS - {"nulls"}  # what is measured of learned features alone
FEATURE_MAP = {"feature_map", *LEARNED}
REDUNDANCY = {"redundancy", *MEASUREMENTS}
EXTRAPOLATION = {"extrapolation", *LEARNED}
ROBUSTNESS = {"robustness", *MEASUREMENTS}
STABILITY = {"stability", *LEARNED}
IMPORTANCE = {"importance", *MEASUREMENTS}
OF_LAST = {*REDUNDANCY, *EXTRAPOLATION, *DECODED}
PROBE = {"probe", *MEASUREMENTS}
CONTROL_CODES = {"control_codes", "probe", *LEARNED}
PROJECTIONS = {"projections", "probe", *LEARNED}
CODES = {"codes", *IMPORTANCE, *STABILITY, *OF_LAST, *CONTROL_CODES}
# Codes of other directions alone.
CONTROL_DIRECTIONS = {"control_directions", "codes", *IMPORTANCE, *REDUNDANCY, *ROBUSTNESS, *PROBE}
# Dictionaries with what they are made of, which has gone since.
DISCOVERY = {"discovery", "class_features", "dictionary", *FEATURE_MAP, *CONTROL_DIRECTIONS, *PROJECTIONS, *CODES}
CACHE = {"cache", "cache_ends", *PROJECTIONS, *CODES}
TRAIN = {"train", *CACHE, *DISCOVERY}
DECODE = {"decode", *TRAIN}
ALL = {"index", *DECODE}
NOTHING = set()


def test_after_a_full_run_there_is_nothing_to_do(again):
    assert again.plan() == {}


@pytest.mark.parametrize(
    ("key", "value", "rerun"),
    [
        ("figures.dpi", 60, DRAW),
        ("figures.examples", 9, {*DRAW, *EXPLORER}),
        ("questions.confidence", 0.9, FINDINGS),
        ("questions.images", "test", {*PROBE, *IMPORTANCE, *OF_LAST}),
        ("activations.keep", False, NOTHING),
        ("activations.sample", "enriched", PROBE),
        ("activations.class_share", 0.2, NOTHING),  # of enriched samples alone
        ("questions.importance_target", "label", MEASUREMENTS),
        ("questions.meta_features", 3, FEATURE_MAP),
        ("questions.visualise", True, {"visualise", *FINDINGS}),
        ("questions.seed", 1, {*CONTROL_DIRECTIONS, *CONTROL_CODES, *REDUNDANCY, *ROBUSTNESS, *FEATURE_MAP}),
        ("questions.redundancy.share", 0.5, REDUNDANCY),
        ("questions.noise", [0.1], ROBUSTNESS),
        ("questions.noise_images", 20, ROBUSTNESS),
        ("probes.penalties", [0.001, 1.0], {*PROBE, *OF_LAST}),
        ("probes.folds", 4, {*PROBE, *OF_LAST}),
        ("codes.tolerance", 1e-5, {*CODES, *ROBUSTNESS}),
        ("features.per_class", 2, DISCOVERY),
        ("features.images_per_class", 20, DISCOVERY),
        ("features.crops", 2, DISCOVERY),
        ("activations.dtype", "float16", CACHE),
        ("activations.pool", 2, {*CACHE, *DISCOVERY}),
        ("training.momentum", 0.8, TRAIN),
        ("model.arguments", {"depths": [1, 1], "width": 4}, TRAIN),
        ("data.size", 24, DECODE),
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


# What the rules of the tiny run are given of catalogues, and what follows each.
GIVEN = {
    "index": ([SOURCES["digits"]], ALL),
    "decode": ([SOURCES["digits"]], DECODE),
    "train": ([], TRAIN),
    "cache": ([], CACHE),
    "discovery": ([], DISCOVERY),
    "class_features": ([METHODS["nmf"].fitting], DISCOVERY),
    "dictionary": ([], DISCOVERY),
    "codes": ([METHODS["nmf"].encoding], CODES),
    "control_directions": ([CONTROLS["random"]], CONTROL_DIRECTIONS),
    "control_codes": ([CONTROLS["shuffled"]], CONTROL_CODES),
    "probe": ([FAMILIES["linear"]], PROBE),
    "importance": ([MEASURES["importance"].function], IMPORTANCE),
    "feature_map": ([MEASURES["feature_map"].function], FEATURE_MAP),
    "redundancy": ([MEASURES["redundancy"].function], REDUNDANCY),
    "extrapolation": ([MEASURES["extrapolation"].function], EXTRAPOLATION),
    "robustness": ([MEASURES["robustness"].function, METHODS["nmf"].encoding], ROBUSTNESS),
    "stability": ([MEASURES["stability"].function], STABILITY),
    "projections": ([], PROJECTIONS),
    "measurements": ([], MEASUREMENTS),
    "support": ([], SUPPORT),
    "gather": ([], GATHER),
    "nulls": ([], NULLS),
    "decoded": ([], DECODED),
    "findings": ([*CONTROLS.values()], FINDINGS),
    "draw": ([f for f in FIGURES.values() if f.needs in ("", "checkpoints", "branches")] + [*CONTROLS.values()], DRAW),
    "explorer": ([], EXPLORER),
    "report": ([], REPORT),
    "answer": ([], ANSWER),
    "crate": ([], CRATE),
}
MEASURED = set().union(*(GIVEN[name][1] for name in MEASURES))
# By hand: the rules whose script reaches the module, directly or through another, and what follows them.
REACHED = {
    "activations/cache": {*CACHE, *DISCOVERY},
    "activations/layers": {*CACHE, *DISCOVERY},
    "activations/tracing": {*CACHE, *DISCOVERY},
    "array_task": NOTHING,
    "claims/answers": FINDINGS,
    "claims/claim": FINDINGS,
    "claims/control_claims": FINDINGS,
    "claims/control_codes": CONTROL_CODES,
    "claims/control_directions": CONTROL_DIRECTIONS,
    "claims/controls": {*CONTROL_DIRECTIONS, *CONTROL_CODES},
    "claims/factor_codes": FINDINGS,
    "claims/finding": FINDINGS,
    "claims/findings": FINDINGS,
    "claims/ground_truth": FINDINGS,
    "claims/interventions": NOTHING,
    "claims/numbers": FINDINGS,
    "claims/random_directions": CONTROL_DIRECTIONS,
    "claims/registry": FINDINGS,
    "claims/shuffled_codes": CONTROL_CODES,
    "claims/testing": FINDINGS,
    "comparison/compare": NOTHING,
    "comparison/figures": NOTHING,
    "comparison/matched": NOTHING,
    "comparison/runs": NOTHING,
    "comparison/scorecard": NOTHING,
    "console": NOTHING,
    "crate": CRATE,
    "dependencies": NOTHING,
    "device": TRAIN,
    "errors": ALL,
    "estimate": NOTHING,
    "features/class_features": DISCOVERY,
    "features/codes": {*CODES, *ROBUSTNESS},
    "features/dictionary": DISCOVERY,
    "features/discovery": DISCOVERY,
    "features/factorisation": DISCOVERY,
    "features/halves": DISCOVERY,
    "features/methods": DISCOVERY,
    "features/projections": PROJECTIONS,
    "figures/appendix": DRAW,
    "figures/appendix_map": DRAW,
    "figures/catalogue": DRAW,
    "figures/claims": DRAW,
    "figures/draw": DRAW,
    "figures/families": NOTHING,
    "figures/ground_truth": NOTHING,
    "figures/how_much": DRAW,
    "figures/most_activating": {*DRAW, *EXPLORER},
    "figures/parts": DRAW,
    "figures/what": DRAW,
    "figures/when": DRAW,
    "figures/where": DRAW,
    "images/datasets": NOTHING,
    "images/decode": DECODE,
    "images/digits": ALL,
    "images/folders": NOTHING,
    "images/index": ALL,
    "images/scaling": ALL,
    "images/shapes": DECODE,
    "images/sources": ALL,
    "images/superclasses": NOTHING,
    "images/tars": NOTHING,
    "job": ALL,
    "layers": {*CACHE, *DISCOVERY},
    "measures/catalogue": MEASURED,
    "measures/complexity": {*EXTRAPOLATION, *MEASUREMENTS},
    "measures/decoded": DECODED,
    "measures/extrapolation": EXTRAPOLATION,
    "measures/feature_map": FEATURE_MAP,
    "measures/flow": FINDINGS,
    "measures/gather": {*GATHER, *NULLS},
    "measures/importance": IMPORTANCE,
    "measures/measure": MEASURED,
    "measures/measurements": MEASUREMENTS,
    "measures/meta_features": DRAW,
    "measures/redundancy": REDUNDANCY,
    "measures/robustness": ROBUSTNESS,
    "measures/sparsity": MEASUREMENTS,
    "measures/stability": STABILITY,
    "measures/support": SUPPORT,
    "measures/visualise": NOTHING,
    "networks/adopt": NOTHING,
    "networks/build": TRAIN,
    "networks/checkpoints": TRAIN,
    "networks/epochs": ANSWER,
    "networks/head": {*CACHE, *DISCOVERY},
    "networks/owner": TRAIN,
    "networks/preemption": TRAIN,
    "networks/preprocessing": TRAIN,
    "networks/published": TRAIN,
    "networks/resnet": TRAIN,
    "networks/slurm_job": TRAIN,
    "networks/state_dicts": NOTHING,
    "networks/train": TRAIN,
    "networks/work": NOTHING,
    "page/answer": ANSWER,
    "page/captions": ANSWER,
    "page/claims": ANSWER,
    "page/columns": EXPLORER,
    "page/contents": EXPLORER,
    "page/explorer": EXPLORER,
    "page/packing": EXPLORER,
    "page/pictures": ANSWER,
    "page/studied": ANSWER,
    "page/thumbnails": EXPLORER,
    "plain": FINDINGS,
    "preflight": NOTHING,
    "probes/cka": {*PROBE, *REDUNDANCY, *EXTRAPOLATION},
    "probes/enriched": PROBE,
    "probes/families": {*PROBE, *EXTRAPOLATION},
    "probes/memory": {*PROBE, *REDUNDANCY, *EXTRAPOLATION},
    "probes/moments": {*PROBE, *REDUNDANCY, *EXTRAPOLATION},
    "probes/perceptron": NOTHING,
    "probes/probe": PROBE,
    "probes/results": MEASUREMENTS,
    "probes/ridge": {*PROBE, *REDUNDANCY, *EXTRAPOLATION},
    "probes/vinformation": {*PROBE, *REDUNDANCY, *EXTRAPOLATION},
    "processes": ALL,
    "progress": ALL,
    "provenance": ANSWER,
    "run": NOTHING,
    "scale": NOTHING,
    "start": NOTHING,
    "statistics": {*EXTRAPOLATION, *MEASUREMENTS},
    "store": ALL,
    "tables": ALL,
}


CATALOGUES = (SOURCES, METHODS, FAMILIES, MEASURES, CONTROLS, FIGURES)
MODULES = sorted(
    str(path.relative_to(dependencies.PACKAGE).with_suffix(""))
    for path in dependencies.PACKAGE.rglob("*.py")
    if path.name != "__init__.py" and path.parent.name != "config"  # which counts by its values
)


def _told_by(record):
    """What a record tells, or the one name that a rule is given of it."""
    return [record] if isinstance(record, str) else vars(record).values()


def named(module, records):
    """Whether records name the module."""
    told = {str(value).partition(":")[0] for record in records for value in _told_by(record)}
    return f"strata.{module.replace('/', '.')}" in told


def expected(module):
    """By hand; what is new and named by a record is reached by the rules that are given it."""
    if module in REACHED:
        return REACHED[module]
    assert named(module, [record for catalogue in CATALOGUES for record in catalogue.values()]), (
        f"{module} has no expectation in REACHED"
    )
    return set().union(*(follow for given, follow in GIVEN.values() if named(module, given)))


@pytest.mark.parametrize("module", MODULES)
def test_an_edited_module_changes_the_digest_of_the_rules_that_reach_it(module):
    file = dependencies.PACKAGE / f"{module}.py"
    changed = [rule for rule, (records, _) in GIVEN.items() if file in dependencies.reached(script_of(rule), *records)]
    assert set().union(*(GIVEN[rule][1] for rule in changed)) == expected(module)


def script_of(rule):
    return REPOSITORY / "workflow" / "scripts" / f"{'measure' if rule in MEASURES else rule}.py"


@pytest.mark.parametrize(
    "module",
    [
        "images/index",
        "networks/train",
        "activations/layers",
        "features/codes",
        "claims/shuffled_codes",
        "claims/random_directions",
        "probes/cka",
        "probes/perceptron",
        "measures/robustness",
        "measures/support",
        "claims/registry",
        "figures/what",
        "config/keys",
    ],
)
def test_an_edited_module_reruns_the_rules_that_reach_it(again, module):
    """The same as Snakemake plans it."""
    again.append(f"strata/{module}.py", "\n\nEDITED = True\n")
    assert again.plan().keys() == (NOTHING if module.startswith("config/") else expected(module))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r'^( *)"""(?=\S)', r'\1"""In other words: '),
        ("^def ", "# A comment.\n\n\ndef "),
        (r"^    return \b", "    return     "),
    ],
    ids=["docstring", "comment", "formatting"],
)
def test_an_edit_that_changes_nothing_reruns_nothing(again, old, new):
    for module in ("images/index", "networks/train", "probes/ridge", "features/codes", "figures/what", "statistics"):
        path = again.path(f"strata/{module}.py")
        text = path.read_text()
        edited = re.sub(old, new, text, flags=re.MULTILINE)
        assert edited != text, module
        path.write_text(edited)
    assert again.plan() == {}


def test_a_module_that_a_relative_import_hides_counts(again):
    again.path("strata/claims/hidden.py").write_text("ONE = 1\n")
    again.append("strata/claims/registry.py", "\nfrom .hidden import ONE\n")
    assert again.plan().keys() == FINDINGS
    done = again.make()
    assert done.code == 0, done.output
    again.append("strata/claims/hidden.py", "ONE = 2\n")
    assert again.plan().keys() == FINDINGS


def test_a_new_record_of_a_catalogue_reruns_only_what_has_it(again):
    """Another figure draws figures; another family probes nothing until it is asked for."""
    for catalogue, first, record, rerun in (
        ("probes/families", "Family", 'Family("twin", "a twin", "twin", (), "strata.probes.ridge"),', NOTHING),
        ("figures/catalogue", "Figure", 'Figure("twin", "strata.figures.what:q1_map", "X", "X", ("features",)),', DRAW),
    ):
        path = again.path(f"strata/{catalogue}.py")
        text = path.read_text()
        assert f"    for {first.lower()} in (\n" in text
        path.write_text(
            text.replace(f"    for {first.lower()} in (\n", f"    for {first.lower()} in (\n        {record}\n", 1)
        )
        assert again.plan().keys() == rerun
        path.write_text(text)


@pytest.mark.parametrize(
    ("catalogue", "words"),
    [
        ("images/sources", "the 1,797 images of scikit-learn"),
        ("features/methods", "non-negative matrix factorisation, for"),
        ("probes/families", "ridge probes"),
        ("measures/catalogue", "Measuring importance"),
    ],
)
def test_other_words_for_what_there_is_rerun_nothing(again, catalogue, words):
    path = again.path(f"strata/{catalogue}.py")
    text = path.read_text()
    assert f'about="{words}' in text
    path.write_text(text.replace(f'about="{words}', f'about="In other words: {words}'))
    assert again.plan() == {}


def test_other_words_for_a_control_are_told_and_reprobe_nothing(again):
    path = again.path("strata/claims/controls.py")
    text = path.read_text()
    assert 'about="random directions"' in text
    path.write_text(text.replace('about="random directions"', 'about="directions at random"'))
    assert again.plan().keys() == FINDINGS


def test_an_edited_script_reruns_its_rule(again):
    again.append("workflow/scripts/findings.py", "\nEDITED = True\n")
    assert again.plan().keys() == FINDINGS


def test_an_edited_caption_reruns_the_pages_only(again):
    path = again.path("strata/figures/catalogue.py")
    text = path.read_text()
    assert "Every point is a feature" in text
    path.write_text(text.replace("Every point is a feature", "Every dot is a feature"))
    assert again.plan().keys() == {*REPORT, *ANSWER}


@pytest.mark.parametrize("name", ["answer.html.jinja", "answer.css"])
def test_another_look_of_the_page_writes_it_again(again, name):
    again.append(f"strata/page/answer/{name}", "\n")
    assert again.plan().keys() == ANSWER


def test_another_layer_is_cached_and_probed_without_training_again(again):
    plan = again.plan(changes={"activations.layers": ["stem", "block-02"]})
    assert plan.keys() == CACHE


def test_another_epoch_trains_again(again):
    plan = again.plan(changes={"training.epochs": 3})
    assert plan.keys() == TRAIN


def test_another_seed_leaves_what_the_first_measured(again):
    plan = again.plan(changes={"seeds": [0, 1]})
    assert plan == {
        "train": 1,
        "cache": 1,
        "cache_ends": 2,
        "discovery": 1,
        "class_features": 5,
        "dictionary": 5,
        "codes": 8,
        "control_directions": 3,
        "control_codes": 1,
        "projections": 1,
        "probe": 9,
        **{measure.name: 3 if measure.of_nulls else 1 for measure in MEASURES.values()},
        **dict.fromkeys(("measurements", "support"), 3),
        **dict.fromkeys(("gather", "nulls", "findings", "draw", "report", "answer", "explorer", "crate"), 1),
        "seed_stability": 1,
    }
    del plan["seed_stability"]  # of several seeds
    assert again.plan(changes={"seeds": [1]}) == plan | {"decoded": 1}  # of the first seed
