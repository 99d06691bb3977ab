"""Probes: V-information and CKA of some features in some layers of a checkpoint."""

ALL_CHUNKS = CHUNKS | BRANCH_CHUNKS


rule probes:
    input:
        activations=lambda w: [
            path for layer in ALL_CHUNKS[w.chunk] for path in activations(w.checkpoint, layer)
        ],
        codes=lambda w: codes(w.features),
    output:
        f"{SEED}/vinfo/{{features}}/{{checkpoint}}/{{chunk}}.h5",
    params:
        **keys("probes", "folds", "penalties", "seed", "memory_mb"),
        layers=lambda w: ALL_CHUNKS[w.chunk],
        digest=source_digest("probes.py"),
    message:
        "Probing: seed {wildcards.seed}, features of {wildcards.features}, in {wildcards.checkpoint}, {wildcards.chunk}"
    script:
        "../scripts/probes.py"
