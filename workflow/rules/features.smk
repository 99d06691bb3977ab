"""Features and codes: a dictionary for every checkpoint, discovered some classes a job; the codes of every image.

Features are those of a checkpoint (epoch-012), or those of the last one, discovered again in a half of the images. Images
of discovery and the features of a job's classes go as soon as the dictionaries that are made of them are there.
"""

A_DICTIONARY = "|".join([CHECKPOINT, *HALVES])
DISCOVERED = combined(features=[*CHECKPOINTS, *HALVES])
MADE = [control(checkpoint) for control in DIRECTIONS.values() for checkpoint in CHECKPOINTS]
ENCODED = combined(features=[*CHECKPOINTS, *HALVES, *MADE])


rule discovery:
    input:
        images(),
    output:
        # The same for every network, but another one (a further seed) must not ask again for those of the others.
        temp(f"{SEED}/discovery/{{classes}}.h5"),
    log:
        log_of("discovery", "seed", "classes"),
    params:
        **keys("features", "images_per_class", "crops", "jobs"),
        digest=source_digest("discovery.py"),
    message:
        "Gathering the images that features are discovered in: seed {wildcards.seed}, {wildcards.classes}"
    script:
        "../scripts/discovery.py"


rule class_features:
    input:
        images=rules.discovery.output[0],
        checkpoints=lambda w: [
            f"{SEED}/checkpoints/{home(own.features)}.pt" for own in made_by(w, DISCOVERED)
        ],
    output:
        temp(of_a_job(f"{SEED}/discovery/{{features}}/{{classes}}.h5", DISCOVERED)),
    log:
        log_of("class_features", "seed", "classes", each=["features"]),
    wildcard_constraints:
        features=A_DICTIONARY,
    params:
        **keys("features", "method", "per_class", "tolerance", "max_iterations"),
        halves=lambda w: [
            HALVES.index(own.features) if own.features in HALVES else None
            for own in made_by(w, DISCOVERED)
        ],
        caching=keys("activations", "pool", "tokens", "batch_size"),
        model=config["model"],
        digest=source_digest("class_features.py", METHOD.fitting, METHOD.rows_from),
    message:
        f"Discovering features: seed {{wildcards.seed}}, {for_each(features='checkpoints')}, {{wildcards.classes}}"
    script:
        "../scripts/class_features.py"


rule dictionary:
    input:
        lambda w: [
            f"{SEED}/discovery/{own.features}/{classes}.h5"
            for own in made_by(w, DISCOVERED)
            for classes in CLASSES
        ],
    output:
        of_a_job(f"{SEED}/features/{{features}}.h5", DISCOVERED),
    log:
        log_of("dictionary", "seed", each=["features"]),
    wildcard_constraints:
        features=A_DICTIONARY,
    localrule: True
    params:
        digest=source_digest("dictionary.py"),
    message:
        f"Gathering the features of all classes: seed {{wildcards.seed}}, {for_each(features='checkpoints')}"
    script:
        "../scripts/dictionary.py"


rule codes:
    input:
        dictionaries=lambda w: [f"{SEED}/features/{own.features}.h5" for own in made_by(w, ENCODED)],
        activations=lambda w: [
            path
            for own in made_by(w, ENCODED)
            for path in activations(home(own.features), names.PENULTIMATE)
        ],
    output:
        of_a_job(codes("{features}"), ENCODED),
    log:
        log_of("codes", "seed", each=["features"]),
    wildcard_constraints:
        features="|".join([A_DICTIONARY, *MADE]),
    priority: 1  # probes wait for it, for which all else waits
    params:
        **keys("codes", "tolerance", "max_iterations"),
        method=CONFIG.features.method,
        digest=source_digest("codes.py", METHOD.encoding),
    message:
        f"Encoding images: seed {{wildcards.seed}}, features of {for_each(features='checkpoints')}"
    script:
        "../scripts/codes.py"


rule projections:
    input:
        dictionary=f"{SEED}/features/{LAST}.h5",
        activations=activations(LAST, names.PENULTIMATE),
    output:
        codes("projections"),
    log:
        log_of("projections", "seed"),
    priority: 1  # as codes
    params:
        digest=source_digest("projections.py"),
    message:
        "Projecting activations on features: seed {wildcards.seed}"
    script:
        "../scripts/projections.py"
