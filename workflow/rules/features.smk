"""Features and codes: a dictionary for every checkpoint, discovered some classes a job; the codes of every image.

Features are those of a checkpoint (epoch-012), or those of the last one, discovered again in a half of the images.
"""

DISCOVERED = "|".join([CHECKPOINT, *HALVES])


rule discovery:
    input:
        images(),
    output:
        f"{RUN}/images/discovery/{{classes}}.h5",
    params:
        **keys("features", "images_per_class", "crops", "jobs"),
        digest=source_digest("discovery.py"),
    message:
        "Gathering the images that features are discovered in: {wildcards.classes}"
    script:
        "../scripts/discovery.py"


rule class_features:
    input:
        images=rules.discovery.output[0],
        checkpoint=lambda w: f"{SEED}/checkpoints/{home(w.features)}.pt",
    output:
        f"{SEED}/features/{{features}}/{{classes}}.h5",
    wildcard_constraints:
        features=DISCOVERED,
    params:
        **keys("features", "method", "per_class", "tolerance", "max_iterations"),
        half=lambda w: HALVES.index(w.features) if w.features in HALVES else None,
        caching=keys("activations", "pool", "tokens", "batch_size"),
        model=config["model"],
        digest=source_digest("class_features.py", METHOD.fitting, METHOD.rows_from),
    message:
        "Discovering features: seed {wildcards.seed}, {wildcards.features}, {wildcards.classes}"
    script:
        "../scripts/class_features.py"


rule dictionary:
    input:
        expand(rules.class_features.output[0], classes=CLASSES, allow_missing=True),
    output:
        f"{SEED}/features/{{features}}.h5",
    wildcard_constraints:
        features=DISCOVERED,
    localrule: True
    params:
        digest=source_digest("dictionary.py"),
    message:
        "Gathering the features of all classes: seed {wildcards.seed}, {wildcards.features}"
    script:
        "../scripts/dictionary.py"


rule codes:
    input:
        dictionary=f"{SEED}/features/{{features}}.h5",
        activations=lambda w: f"{SEED}/activations/{home(w.features)}/{names.PENULTIMATE}/{{shard}}.h5",
    output:
        f"{SEED}/codes/{{features}}/{{shard}}.h5",
    wildcard_constraints:
        features="|".join([DISCOVERED, *(rf"{control}-{CHECKPOINT}" for control in DIRECTIONS)]),
    params:
        **keys("codes", "tolerance", "max_iterations"),
        method=CONFIG.features.method,
        digest=source_digest("codes.py", METHOD.encoding),
    message:
        "Encoding images: seed {wildcards.seed}, features of {wildcards.features}, {wildcards.shard}"
    script:
        "../scripts/codes.py"


rule projections:
    input:
        dictionary=f"{SEED}/features/{LAST}.h5",
        activations=f"{SEED}/activations/{LAST}/{names.PENULTIMATE}/{{shard}}.h5",
    output:
        f"{SEED}/codes/projections/{{shard}}.h5",
    params:
        digest=source_digest("projections.py"),
    message:
        "Projecting activations on features: seed {wildcards.seed}, {wildcards.shard}"
    script:
        "../scripts/projections.py"
