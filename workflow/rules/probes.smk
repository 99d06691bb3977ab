"""Probes: V-information and CKA of some features in some layers of a checkpoint, under any predictive family."""

ALL_CHUNKS = CHUNKS | BRANCH_CHUNKS


rule probe:
    input:
        activations=lambda w: [
            path for layer in ALL_CHUNKS[w.chunk] for path in activations(w.checkpoint, layer)
        ],
        codes=lambda w: codes(w.features),
    output:
        f"{SEED}/vinfo/{{features}}/{{checkpoint}}/{{family}}/{{chunk}}.h5",
    params:
        settings=lambda w: keys(
            "probes", "folds", "seed", "memory_mb", *FAMILIES[w.family].settings
        ),
        layers=lambda w: ALL_CHUNKS[w.chunk],
        digest=lambda w: source_digest("probe.py", FAMILIES[w.family]),
    message:
        "Probing ({wildcards.family}): seed {wildcards.seed}, features of {wildcards.features}, in {wildcards.checkpoint}, {wildcards.chunk}"
    script:
        "../scripts/probe.py"
