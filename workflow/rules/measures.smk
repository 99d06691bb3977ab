"""Measures: every scalar that is told of a feature. A rule for each pass over the data; tables by seed, then of all."""

MEASURED = {
    "dictionary": lambda features, checkpoint: [f"{SEED}/features/{features}.h5"],
    "checkpoint": lambda features, checkpoint: [f"{SEED}/checkpoints/{checkpoint}.pt"],
    "codes": lambda features, checkpoint: codes(features),
    "half_dictionaries": lambda *of: [f"{SEED}/features/{half}.h5" for half in HALVES],
    "half_codes": lambda *of: [path for half in HALVES for path in codes(half)],
    "activations": lambda features, checkpoint: activations(checkpoint, names.PENULTIMATE),
    "probed": lambda features, checkpoint: [
        path for layer in names.probed_layers(LAYERS) for path in activations(checkpoint, layer)
    ],
    "images": lambda features, checkpoint: images(STUDIED),
}
TABLES = tables_of_measurements(families=HAS["families"])
# What claims look at in nulls too.
OF_NULLS = ["features", "by_checkpoint", "branch_cka", "support", "history"]
SHOWN_SEED = SEEDS[:1]  # the one whose features are shown as pictures
SHOWN_BLOCKS = names.early_middle_last(LAYERS)


def in_checkpoints_of(population, paths):
    """Files of the checkpoints at which a population is discovered: its name and theirs → of all, one after the other."""
    return in_every_checkpoint(
        lambda checkpoint: paths(POPULATIONS[population](checkpoint), checkpoint),
        CHECKPOINTS[: len(epochs_of(population))],
    )


def last_of(population):
    """The name of what is last discovered of a population."""
    return POPULATIONS[population](CHECKPOINTS[: len(epochs_of(population))][-1])


def dictionary_of(wildcards):
    return f"{SEED}/features/{last_of(wildcards.population)}.h5"


def inputs_of(measure, kind):
    """What a measure reads of a population: of every checkpoint, or of the last at which it is discovered."""

    def paths(wildcards):
        found = in_checkpoints_of(wildcards.population, lambda *of: [MEASURED[kind](*of)])
        every = measure.every_checkpoint and kind != "images"
        return [path for own in (found if every else found[-1:]) for path in own]

    return paths


for measure in MEASURES.values():

    rule:
        name:
            measure.name
        input:
            **{kind: inputs_of(measure, kind) for kind in measure.inputs},
        output:
            [f"{SEED}/measured/{{population}}/{table}.csv" for table in measure.tables],
        wildcard_constraints:
            population="|".join(POPULATIONS if measure.of_nulls else ["learned"]),
        params:
            measure=measure.name,
            epochs=((lambda w: epochs_of(w.population)) if measure.every_checkpoint else None),
            settings={argument: at(path) for argument, path in measure.settings.items()},
            digest=source_digest(
                "measure.py",
                measure.function,
                *([METHOD.encoding] if "method" in measure.settings else []),
            ),
        message:
            f"{measure.about}: seed {{wildcards.seed}}, {{wildcards.population}}"
        script:
            "../scripts/measure.py"


def of_learned(paths):
    """Files that are read of what was learned alone, not of nulls."""
    return lambda w: paths if w.population == "learned" else []


rule measurements:
    input:
        dictionary=dictionary_of,
        passes=lambda w: [
            f"{SEED}/measured/{w.population}/{table}.csv"
            for measure in MEASURES.values()
            if measure.of_nulls or w.population == "learned"
            for table in measure.tables
        ],
        codes=lambda w: in_checkpoints_of(w.population, lambda features, _: codes(features)),
        own=lambda w: in_checkpoints_of(
            w.population, lambda _, checkpoint: vinfo("own", checkpoint)
        ),
        followed=in_every_checkpoint(
            lambda checkpoint: vinfo("followed", checkpoint, DEEPEST), CHECKPOINTS[1:]
        ),
        branches=lambda w: vinfo(
            "flow",
            LAST if len(epochs_of(w.population)) > 1 else CHECKPOINTS[0],
            BRANCH_CHUNKS,
            REFERENCE,
        ),
        untrained=of_learned(vinfo("followed", CHECKPOINTS[0])),
        others=of_learned(vinfo("others", LAST)),
        reference=of_learned(vinfo("own", LAST, family=REFERENCE) if HAS["families"] else []),
    output:
        **{name: f"{SEED}/tables/{{population}}/{name}.csv" for name in ["features", *TABLES]},
    wildcard_constraints:
        population="|".join(POPULATIONS),
    params:
        epochs=lambda w: epochs_of(w.population),
        features=lambda w: [
            POPULATIONS[w.population](checkpoint)
            for checkpoint in CHECKPOINTS[: len(epochs_of(w.population))]
        ],
        followed=EPOCHS[1:],
        controls=lambda w: (
            {
                **{
                    name: ["own", of(LAST)]
                    for name, of in DIRECTIONS.items()
                    if w.seed not in SHUFFLED
                },
                **{
                    control.name: ["others", control.name]
                    for control in CONTROLS.values()
                    if control.codes
                },
                **{
                    control.name: ["untrained", LAST]
                    for control in CONTROLS.values()
                    if control.untrained
                },
            }
            if w.population == "learned"
            else {}
        ),
        layers=LAYERS,
        family=FAMILY,
        target=CONFIG.questions.importance_target,
        digest=source_digest("measurements.py", *MEASURES.values()),
    message:
        "Gathering what was measured of every feature: seed {wildcards.seed}, {wildcards.population}"
    script:
        "../scripts/measurements.py"


rule support:
    input:
        features=f"{SEED}/tables/{{population}}/features.csv",
        dictionary=dictionary_of,
        codes=lambda w: codes(last_of(w.population)),
        images=images(STUDIED),
    output:
        f"{SEED}/tables/{{population}}/support.csv",
    wildcard_constraints:
        population="|".join(POPULATIONS),
    params:
        seed=CONFIG.questions.seed,
        digest=source_digest("support.py"),
    message:
        "Removing features from the head: seed {wildcards.seed}, {wildcards.population}"
    script:
        "../scripts/support.py"


def gathered(name):
    """Where a table of all seeds is."""
    return f"{RUN}/features.csv" if name == "features" else f"{RUN}/tables/{name}.csv"


if len(SEEDS) > 1:

    rule seed_stability:
        input:
            dictionary=expand(f"{SEED}/features/{LAST}.h5", seed=SEEDS[0])[0],
            codes=[path for seed in SEEDS for path in expand(codes(LAST), seed=seed)],
        output:
            f"{RUN}/tables/stability_seeds.csv",
        params:
            seeds=SEEDS,
            digest=source_digest("seed_stability.py"),
        message:
            "Matching the features of all seeds"
        script:
            "../scripts/seed_stability.py"


GATHERED = ["features", "support", *TABLES]
OF_FACTORS = ["factor_errors", "calibration_errors", "interventions"] if SHAPES else []


rule gather:
    input:
        [path for name in GATHERED for path in each_seed(f"{SEED}/tables/learned/{name}.csv")],
        [path for name in OF_FACTORS for path in each_seed(f"{SEED}/tables/{name}.csv")],
    output:
        **{name: gathered(name) for name in [*GATHERED, *OF_FACTORS]},
    localrule: True
    params:
        digest=source_digest("gather.py"),
    message:
        "Joining the tables of all seeds"
    script:
        "../scripts/gather.py"


def of_null(null, name):
    """A table of a null, of every seed."""
    seeds = SHUFFLED if null == "shuffled-labels" else SEEDS
    population = "learned" if null == "shuffled-labels" else null
    table = "training" if name == "history" else f"tables/{population}/{name}"
    return expand(f"{SEED}/{table}.csv", seed=seeds)


OTHERS = [*NULLS, *(["shuffled-labels"] if SHUFFLED else [])]


rule nulls:
    input:
        [path for name in OF_NULLS for null in OTHERS for path in of_null(null, name)],
    output:
        **{f"null_{name}": f"{RUN}/tables/null_{name}.csv" for name in OF_NULLS},
    localrule: True
    params:
        nulls=OTHERS,
        seeds=SEEDS,
        digest=source_digest("nulls.py"),
    message:
        "Joining the tables of nulls"
    script:
        "../scripts/nulls.py"


rule decoded:
    input:
        features=f"{SEED}/tables/learned/features.csv",
        activations=[path for block in SHOWN_BLOCKS for path in activations(LAST, block)],
        codes=codes(LAST),
    output:
        f"{SEED}/decoded.h5",
    params:
        **keys("probes", "folds", "penalties", "seed"),
        studied=CONFIG.questions.images,
        layers=SHOWN_BLOCKS,
        digest=source_digest("decoded.py"),
    message:
        "Decoding example features: seed {wildcards.seed}"
    script:
        "../scripts/decoded.py"


rule visualise:
    input:
        features=f"{SEED}/tables/learned/features.csv",
        dictionary=f"{SEED}/features/{LAST}.h5",
        decoded=rules.decoded.output[0],
        checkpoint=f"{SEED}/checkpoints/{LAST}.pt",
        images=images(STUDIED),
    output:
        f"{SEED}/pictures.h5",
    params:
        **keys("activations", "pool", "tokens"),
        steps=CONFIG.questions.visualise_steps,
        seed=CONFIG.questions.seed,
        model=config["model"],
        digest=source_digest("visualise.py"),
    message:
        "Visualising features: seed {wildcards.seed}"
    script:
        "../scripts/visualise.py"
