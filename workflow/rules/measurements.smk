"""Measurements: every scalar that the questions use, one row a feature."""

TABLES = [
    "by_checkpoint",
    "by_fold",
    "decoding",
    "importance_targets",
    "branch_cka",
    "control_vinfo",
    "code_quality",
    "robustness",
]


rule importance:
    input:
        features=expand(
            f"{SEED}/features/{{checkpoint}}.h5", checkpoint=CHECKPOINTS, allow_missing=True
        ),
        codes=[path for checkpoint in CHECKPOINTS for path in codes(checkpoint)],
        activations=[
            path
            for checkpoint in CHECKPOINTS
            for path in activations(checkpoint, names.PENULTIMATE)
        ],
        images=images(STUDIED),
    output:
        f"{SEED}/importance.csv",
    params:
        epochs=EPOCHS,
        digest=source_digest("importance.py"),
    message:
        "Measuring importance: seed {wildcards.seed}"
    script:
        "../scripts/importance.py"


rule measurements:
    input:
        features=expand(f"{SEED}/features/{LAST}.h5", seed=config["seeds"]),
        importance=expand(rules.importance.output, seed=config["seeds"]),
        codes=expand(
            [path for checkpoint in CHECKPOINTS for path in codes(checkpoint)],
            seed=config["seeds"],
        ),
        last_in_all=expand(
            [path for checkpoint in CHECKPOINTS for path in vinfo(LAST, checkpoint, CHUNKS)],
            seed=config["seeds"],
        ),
        afresh=expand(
            [path for checkpoint in CHECKPOINTS for path in vinfo(checkpoint, checkpoint, CHUNKS)],
            seed=config["seeds"],
        ),
        branches=expand(vinfo(LAST, LAST, BRANCH_CHUNKS), seed=config["seeds"]),
        shuffled=expand(vinfo("shuffled", LAST, CHUNKS), seed=config["seeds"]),
        random=expand(vinfo("random", LAST, CHUNKS), seed=config["seeds"]),
        redundancy=expand(rules.redundancy.output, seed=config["seeds"]),
        robustness=expand(rules.robustness.output, seed=config["seeds"]),
    output:
        **{name: f"{RUN}/tables/{name}.csv" for name in TABLES},
        features=f"{RUN}/features.csv",
    params:
        seeds=config["seeds"],
        epochs=EPOCHS,
        layers=LAYERS,
        target=config["questions"]["importance_target"],
        digest=source_digest("measurements.py"),
    message:
        "Gathering what was measured of every feature"
    script:
        "../scripts/measurements.py"


rule support:
    input:
        table=rules.measurements.output.features,
        features=expand(f"{SEED}/features/{LAST}.h5", seed=config["seeds"]),
        codes=expand(codes(LAST), seed=config["seeds"]),
        images=images(STUDIED),
    output:
        f"{RUN}/tables/support.csv",
    params:
        seeds=config["seeds"],
        seed=config["questions"]["seed"],
        digest=source_digest("support.py"),
    message:
        "Removing features from the head"
    script:
        "../scripts/support.py"
