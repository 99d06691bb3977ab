"""Features and codes: a dictionary for every checkpoint, discovered some classes a job; the codes of every image."""


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
        checkpoint=f"{SEED}/checkpoints/{{checkpoint}}.pt",
    output:
        f"{SEED}/features/{{checkpoint}}/{{classes}}.h5",
    params:
        **keys("features", "method", "per_class", "tolerance", "max_iterations"),
        caching=keys("activations", "pool", "tokens", "batch_size"),
        model=config["model"],
        digest=source_digest("class_features.py", METHOD.fitting, METHOD.rows_from),
    message:
        "Discovering features: seed {wildcards.seed}, {wildcards.checkpoint}, {wildcards.classes}"
    script:
        "../scripts/class_features.py"


rule dictionary:
    input:
        expand(rules.class_features.output[0], classes=CLASSES, allow_missing=True),
    output:
        f"{SEED}/features/{{checkpoint}}.h5",
    localrule: True
    params:
        digest=source_digest("dictionary.py"),
    message:
        "Gathering the features of all classes: seed {wildcards.seed}, {wildcards.checkpoint}"
    script:
        "../scripts/dictionary.py"


rule codes:
    input:
        dictionary=f"{SEED}/features/{{features}}.h5",
        # What has no checkpoint of its own belongs to the last.
        activations=lambda w: (
            f"{SEED}/activations/{w.features if w.features in CHECKPOINTS else LAST}"
            f"/{names.PENULTIMATE}/{{shard}}.h5"
        ),
    output:
        f"{SEED}/codes/{{features}}/{{shard}}.h5",
    wildcard_constraints:
        features="|".join(
            [
                r"epoch-\d{3}",
                *(control.name for control in CONTROLS.values() if control.directions),
            ]
        ),
    params:
        **keys("codes", "tolerance", "max_iterations"),
        method=CONFIG.features.method,
        digest=source_digest("codes.py", METHOD.encoding),
    message:
        "Encoding images: seed {wildcards.seed}, features of {wildcards.features}, {wildcards.shard}"
    script:
        "../scripts/codes.py"
