"""Visualisation: what some features of the first seed look like, decoded from blocks and as pictures."""

SHOWN_BLOCKS = names.early_middle_last(LAYERS)
SHOWN_SEED = config["seeds"][0]


rule decoded:
    input:
        features=f"{RUN}/features.csv",
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
        table=f"{RUN}/features.csv",
        features=f"{SEED}/features/{LAST}.h5",
        decoded=rules.decoded.output[0],
        checkpoint=f"{SEED}/checkpoints/{LAST}.pt",
        images=images(STUDIED),
    output:
        f"{SEED}/pictures.h5",
    params:
        **keys("questions", "visualise_steps", "seed"),
        model=config["model"],
        pooling=keys("activations", "pool", "tokens"),
        digest=source_digest("visualise.py"),
    message:
        "Visualising features: seed {wildcards.seed}"
    script:
        "../scripts/visualise.py"


def pictures():
    """The pictures that the figures show, where they are asked for."""
    wanted = config["questions"]["visualise"]
    return expand(rules.visualise.output, seed=SHOWN_SEED) if wanted else []
