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


def dictionary_of(own):
    return [f"{SEED}/features/{last_of(own.population)}.h5"]


def read_by(measure, kind):
    """What a measure reads of a population: of every checkpoint, or of the last at which it is discovered."""

    def paths(own):
        found = in_checkpoints_of(own.population, lambda *of: [MEASURED[kind](*of)])
        every = measure.every_checkpoint and kind != "images"
        return [path for one in (found if every else found[-1:]) for path in one]

    return paths


def epochs_measured(measure, wanted):
    """The epochs at which each population of a job is measured; None for its last alone."""
    return lambda w: [
        epochs_of(own.population) if measure.every_checkpoint else None
        for own in made_by(w, wanted)
    ]


OF_POPULATIONS = combined(population=[*POPULATIONS])

for measure in MEASURES.values():
    wanted = OF_POPULATIONS if measure.of_nulls else combined(population=["learned"])
    files = {kind: read_by(measure, kind) for kind in measure.inputs}

    rule:
        name:
            measure.name
        input:
            **joined(wanted, files),
        output:
            of_a_job(
                [f"{SEED}/measured/{{population}}/{table}.csv" for table in measure.written],
                wanted,
            ),
        log:
            log_of(measure.name, "seed", each=["population"]),
        wildcard_constraints:
            population="|".join(own["population"] for own in wanted),
        priority: 1 if "method" in measure.settings else 0  # to encode takes longer than all else
        params:
            files=counted(wanted, files),
            measure=measure.name,
            epochs=epochs_measured(measure, wanted),
            settings={argument: at(path) for argument, path in measure.settings.items()},
            digest=source_digest(
                "measure.py",
                measure.function,
                *filter(None, [measure.scalars]),
                *([METHOD.encoding] if "method" in measure.settings else []),
            ),
        message:
            f"{measure.about}: seed {{wildcards.seed}}, {for_each(population='populations')}"
        script:
            "../scripts/measure.py"


def of_learned(own, given):
    """What is read of what was learned alone, not of nulls."""
    return given if own.population == "learned" else []


POPULATION_FILES = {
    "dictionary": dictionary_of,
    "passes": lambda own: [
        f"{SEED}/measured/{own.population}/{table}.csv"
        for measure in MEASURES.values()
        if measure.of_nulls or own.population == "learned"
        for table in measure.written
    ],
    "codes": lambda own: in_checkpoints_of(own.population, lambda features, _: codes(features)),
    "own": lambda own: in_checkpoints_of(
        own.population, lambda _, checkpoint: vinfo("own", checkpoint)
    ),
    "followed": lambda own: in_every_checkpoint(
        lambda checkpoint: vinfo("followed", checkpoint, DEEPEST), CHECKPOINTS[1:]
    ),
    "branches": lambda own: vinfo(
        "flow",
        LAST if len(epochs_of(own.population)) > 1 else CHECKPOINTS[0],
        BRANCH_CHUNKS,
        REFERENCE,
    ),
    "untrained": lambda own: of_learned(own, vinfo("followed", CHECKPOINTS[0])),
    "others": lambda own: of_learned(own, vinfo("others", LAST)),
    "reference": lambda own: of_learned(
        own, vinfo("own", LAST, family=REFERENCE) if HAS["families"] else []
    ),
}


def controls_of(own):
    """What is probed beside the learned features of a network: of each control, as what, and under which name."""
    directions = {} if own.seed in LEARNED_ALONE else DIRECTIONS
    return {
        **{name: ["own", of(LAST)] for name, of in directions.items()},
        **{
            control.name: ["others", control.name] for control in CONTROLS.values() if control.codes
        },
        **{control.name: ["untrained", LAST] for control in CONTROLS.values() if control.untrained},
    }


rule measurements:
    input:
        **joined(OF_POPULATIONS, POPULATION_FILES),
    output:
        **{
            name: of_a_job(f"{SEED}/tables/{{population}}/{name}.csv", OF_POPULATIONS)
            for name in ["features", *TABLES]
        },
    log:
        log_of("measurements", "seed", each=["population"]),
    wildcard_constraints:
        population="|".join(POPULATIONS),
    params:
        files=counted(OF_POPULATIONS, POPULATION_FILES),
        populations=lambda w: [
            {
                "name": own.population,
                "epochs": epochs_of(own.population),
                "features": [
                    POPULATIONS[own.population](checkpoint)
                    for checkpoint in CHECKPOINTS[: len(epochs_of(own.population))]
                ],
                "controls": of_learned(own, controls_of(own)) or {},
            }
            for own in made_by(w, OF_POPULATIONS)
        ],
        followed=EPOCHS[1:],
        layers=LAYERS,
        family=FAMILY,
        target=CONFIG.questions.importance_target,
        digest=source_digest("measurements.py"),
    message:
        f"Gathering what was measured of every feature: seed {{wildcards.seed}}, {for_each(population='populations')}"
    script:
        "../scripts/measurements.py"


SUPPORT_FILES = {
    "features": lambda own: [f"{SEED}/tables/{own.population}/features.csv"],
    "dictionary": dictionary_of,
    "codes": lambda own: codes(last_of(own.population)),
    "images": lambda own: images(STUDIED),
}


rule support:
    input:
        **joined(OF_POPULATIONS, SUPPORT_FILES),
    output:
        of_a_job(f"{SEED}/tables/{{population}}/support.csv", OF_POPULATIONS),
    log:
        log_of("support", "seed", each=["population"]),
    wildcard_constraints:
        population="|".join(POPULATIONS),
    params:
        files=counted(OF_POPULATIONS, SUPPORT_FILES),
        seed=CONFIG.questions.seed,
        digest=source_digest("support.py"),
    message:
        f"Removing features from the head: seed {{wildcards.seed}}, {for_each(population='populations')}"
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
        log:
            log_of("seed_stability"),
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
    log:
        log_of("gather"),
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
    log:
        log_of("nulls"),
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
    log:
        log_of("decoded", "seed"),
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
    log:
        log_of("visualise", "seed"),
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
