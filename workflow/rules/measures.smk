"""Measures: every scalar that is told of a feature. A rule for each pass over the data; tables by seed, then of all."""

MEASURED = {
    "dictionary": lambda checkpoint: [f"{SEED}/features/{checkpoint}.h5"],
    "checkpoint": lambda checkpoint: [f"{SEED}/checkpoints/{checkpoint}.pt"],
    "codes": codes,
    "activations": lambda checkpoint: activations(checkpoint, names.PENULTIMATE),
    "images": lambda checkpoint: images(STUDIED),
}
TABLES = tables_of_measurements(families=HAS["families"])
SHOWN_SEED = SEEDS[:1]  # the one whose features are shown as pictures
SHOWN_BLOCKS = names.early_middle_last(LAYERS)

for measure in MEASURES.values():

    rule:
        name:
            measure.name
        input:
            **{
                kind: [
                    path
                    for checkpoint in (
                        CHECKPOINTS if measure.every_checkpoint and kind != "images" else [LAST]
                    )
                    for path in MEASURED[kind](checkpoint)
                ]
                for kind in measure.inputs
            },
        output:
            [f"{SEED}/{table}.csv" for table in measure.tables],
        params:
            measure=measure.name,
            epochs=EPOCHS if measure.every_checkpoint else None,
            settings={argument: at(path) for argument, path in measure.settings.items()},
            digest=source_digest(
                "measure.py",
                measure.function,
                *([METHOD.encoding] if "method" in measure.settings else []),
            ),
        message:
            f"{measure.about}: seed {{wildcards.seed}}"
        script:
            "../scripts/measure.py"


def of_controls():
    """Probe results of every control: its codes in the last checkpoint, or the last features in the untrained one."""
    places = {
        control.name: (
            control.name if control.codes or control.directions else LAST,
            CHECKPOINTS[0] if control.untrained else LAST,
        )
        for control in CONTROLS.values()
    }
    return [path for place in places.values() for path in vinfo(*place)]


rule measurements:
    input:
        dictionary=f"{SEED}/features/{LAST}.h5",
        passes=[f"{SEED}/{table}.csv" for measure in MEASURES.values() for table in measure.tables],
        codes=in_every_checkpoint(codes),
        last_in_all=in_every_checkpoint(lambda checkpoint: vinfo(LAST, checkpoint)),
        afresh=in_every_checkpoint(lambda checkpoint: vinfo(checkpoint, checkpoint)),
        branches=vinfo(LAST, LAST, BRANCH_CHUNKS, REFERENCE),
        reference=vinfo(LAST, LAST, family=REFERENCE) if HAS["families"] else [],
        controls=of_controls(),
    output:
        **{name: f"{SEED}/tables/{name}.csv" for name in TABLES},
        features=f"{SEED}/tables/features.csv",
    params:
        epochs=EPOCHS,
        layers=LAYERS,
        family=FAMILY,
        target=CONFIG.questions.importance_target,
        digest=source_digest("measurements.py", *MEASURES.values()),
    message:
        "Gathering what was measured of every feature: seed {wildcards.seed}"
    script:
        "../scripts/measurements.py"


rule support:
    input:
        features=rules.measurements.output.features,
        dictionary=f"{SEED}/features/{LAST}.h5",
        codes=codes(LAST),
        images=images(STUDIED),
    output:
        f"{SEED}/tables/support.csv",
    params:
        seed=CONFIG.questions.seed,
        digest=source_digest("support.py"),
    message:
        "Removing features from the head: seed {wildcards.seed}"
    script:
        "../scripts/support.py"


def gathered(name):
    """Where a table of all seeds is."""
    return f"{RUN}/features.csv" if name == "features" else f"{RUN}/tables/{name}.csv"


GATHERED = ["features", "support", *TABLES, *(["factor_errors", "interventions"] if SHAPES else [])]


rule gather:
    input:
        [path for name in GATHERED for path in each_seed(f"{SEED}/tables/{name}.csv")],
    output:
        **{name: gathered(name) for name in GATHERED},
    localrule: True
    params:
        digest=source_digest("gather.py"),
    message:
        "Joining the tables of all seeds"
    script:
        "../scripts/gather.py"


rule decoded:
    input:
        features=rules.measurements.output.features,
        activations=[path for block in SHOWN_BLOCKS for path in activations(LAST, block)],
        codes=codes(LAST),
    output:
        f"{SEED}/decoded.h5",
    params:
        **keys("probes", "folds", "penalties", "seed"),
        layers=SHOWN_BLOCKS,
        digest=source_digest("decoded.py"),
    message:
        "Decoding example features: seed {wildcards.seed}"
    script:
        "../scripts/decoded.py"


rule visualise:
    input:
        features=rules.measurements.output.features,
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
