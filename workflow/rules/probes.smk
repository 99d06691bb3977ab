"""Probes: V-information and CKA of some features in some layers of a checkpoint, under either predictive family."""

ALL_CHUNKS = CHUNKS | BRANCH_CHUNKS


def activations_of_chunk(w):
    return [path for layer in ALL_CHUNKS[w.chunk] for path in activations(w.checkpoint, layer)]


rule probes:
    input:
        activations=activations_of_chunk,
        codes=lambda w: codes(w.features),
    output:
        f"{SEED}/vinfo/{{features}}/{{checkpoint}}/linear/{{chunk}}.h5",
    params:
        **keys("probes", "folds", "penalties", "seed", "memory_mb"),
        layers=lambda w: ALL_CHUNKS[w.chunk],
        digest=source_digest("probes.py"),
    message:
        "Probing: seed {wildcards.seed}, features of {wildcards.features}, in {wildcards.checkpoint}, {wildcards.chunk}"
    script:
        "../scripts/probes.py"


rule perceptrons:
    input:
        activations=activations_of_chunk,
        codes=lambda w: codes(w.features),
    output:
        f"{SEED}/vinfo/{{features}}/{{checkpoint}}/mlp/{{chunk}}.h5",
    params:
        **keys("probes", "folds", "mlp", "seed", "memory_mb"),
        layers=lambda w: ALL_CHUNKS[w.chunk],
        digest=source_digest("perceptrons.py"),
    message:
        "Training perceptrons: seed {wildcards.seed}, features of {wildcards.features}, in {wildcards.checkpoint}, {wildcards.chunk}"
    script:
        "../scripts/perceptrons.py"
