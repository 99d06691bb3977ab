"""Probes: V-information and CKA of some features in some layers of a checkpoint, under any predictive family."""

ALL_CHUNKS = CHUNKS | BRANCH_CHUNKS | DEEPEST


def asked(seed, what, checkpoint):
    """The features that are probed together in a checkpoint.

    own: those discovered in it, and other directions. followed: those of the last checkpoint (in the untrained one,
    these alone), other directions of it, and those of the untrained one. others: other codes in place of the last ones.
    flow: as own, in the branches, of the last and the untrained checkpoint. factors: the known ones, and at
    last, spoilt in known ways.
    """
    directions = [] if seed in SHUFFLED else [*DIRECTIONS.values()]
    untrained = [] if seed in SHUFFLED else CHECKPOINTS[:1]
    return {
        "own": [checkpoint, *(of(checkpoint) for of in directions)],
        "followed": (
            [LAST]
            if checkpoint == CHECKPOINTS[0]
            else [LAST, *(of(LAST) for of in directions), *untrained]
        ),
        "others": [
            *(control.name for control in CONTROLS.values() if control.codes),
            "projections",
        ],
        "flow": (
            [LAST, *(of(LAST) for of in directions)] if checkpoint == LAST else CHECKPOINTS[:1]
        ),
        "factors": ["factors", *(["calibration"] if checkpoint == LAST else [])],
    }[what]


def sample_of(asked):
    """What images known factors are probed in, which come from no class: those that there are."""
    return "stratified" if asked == "factors" else CONFIG.activations.sample


def enriched(w, given):
    """What only an enriched sample needs."""
    return given if sample_of(w.asked) == "enriched" else []


rule probe:
    input:
        activations=lambda w: [
            path for layer in ALL_CHUNKS[w.chunk] for path in activations(w.checkpoint, layer)
        ],
        codes=lambda w: [
            path for features in asked(w.seed, w.asked, w.checkpoint) for path in codes(features)
        ],
        images=lambda w: enriched(w, images(STUDIED)),
        # The features that some stand in place of tell what they are weighted as.
        origins=lambda w: enriched(
            w,
            [
                f"{SEED}/features/{home(features)}.h5"
                for features in asked(w.seed, w.asked, w.checkpoint)
            ],
        ),
    output:
        f"{SEED}/vinfo/{{asked}}/{{checkpoint}}/{{family}}/{{chunk}}.h5",
    params:
        settings=lambda w: keys(
            "probes", "folds", "seed", "memory_mb", *FAMILIES[w.family].settings
        ),
        studied=CONFIG.questions.images,
        sample=lambda w: sample_of(w.asked),
        class_share=lambda w: enriched(w, CONFIG.activations.class_share),
        layers=lambda w: ALL_CHUNKS[w.chunk],
        features=lambda w: asked(w.seed, w.asked, w.checkpoint),
        digest=lambda w: source_digest("probe.py", FAMILIES[w.family]),
    message:
        "Probing ({wildcards.family}): seed {wildcards.seed}, {wildcards.asked} features, in {wildcards.checkpoint}, {wildcards.chunk}"
    script:
        "../scripts/probe.py"
