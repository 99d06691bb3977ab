"""Features and codes: a dictionary for every checkpoint, discovered some classes a job; the codes of every image.

Shuffled codes and random directions are controls.
"""


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
        digest=source_digest("class_features.py"),
    message:
        "Discovering features: seed {wildcards.seed}, {wildcards.checkpoint}, {wildcards.classes}"
    script:
        "../scripts/class_features.py"


rule features:
    input:
        expand(rules.class_features.output[0], classes=CLASSES, allow_missing=True),
    output:
        f"{SEED}/features/{{checkpoint}}.h5",
    localrule: True
    params:
        digest=source_digest("features.py"),
    message:
        "Gathering the features of all classes: seed {wildcards.seed}, {wildcards.checkpoint}"
    script:
        "../scripts/features.py"


rule random_directions:
    input:
        f"{SEED}/features/{LAST}.h5",
    output:
        f"{SEED}/features/random.h5",
    params:
        seed=config["questions"]["seed"],
        digest=source_digest("random_directions.py"),
    message:
        "Drawing random directions (control): seed {wildcards.seed}"
    script:
        "../scripts/random_directions.py"


rule codes:
    input:
        features=f"{SEED}/features/{{features}}.h5",
        activations=lambda w: (
            f"{SEED}/activations/{checkpoint_of(w.features)}/{names.PENULTIMATE}/{{shard}}.h5"
        ),
    output:
        f"{SEED}/codes/{{features}}/{{shard}}.h5",
    wildcard_constraints:
        features=r"epoch-\d{3}|random",
    params:
        **keys("codes", "tolerance", "max_iterations"),
        digest=source_digest("codes.py"),
    message:
        "Encoding images: seed {wildcards.seed}, features of {wildcards.features}, {wildcards.shard}"
    script:
        "../scripts/codes.py"


rule shuffled_codes:
    input:
        f"{SEED}/codes/{LAST}/{{shard}}.h5",
    output:
        f"{SEED}/codes/shuffled/{{shard}}.h5",
    params:
        seed=config["questions"]["seed"],
        digest=source_digest("shuffled_codes.py"),
    message:
        "Shuffling codes (control): seed {wildcards.seed}, {wildcards.shard}"
    script:
        "../scripts/shuffled_codes.py"
