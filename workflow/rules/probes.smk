"""Probes: V-information and CKA of some features in some layers of a checkpoint, under any predictive family."""

ALL_CHUNKS = CHUNKS | BRANCH_CHUNKS | DEEPEST


def asked(seed, what, checkpoint):
    """The features that are probed together in a checkpoint.

    own: those discovered in it, and other directions. followed: those of the last checkpoint (in the untrained one,
    these alone), other directions of it, and those of the untrained one. others: other codes in place of the last ones.
    flow: as own, in the branches, of the last and the untrained checkpoint. factors: the known ones, and at
    last, spoilt in known ways.
    """
    directions = [] if seed in LEARNED_ALONE else [*DIRECTIONS.values()]
    untrained = [] if seed in LEARNED_ALONE else CHECKPOINTS[:1]
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


def probed(what, checkpoints, chunks=CHUNKS, family=FAMILY):
    return combined(asked=[what], checkpoint=checkpoints, family=[family], chunk=[*chunks])


PROBED = [
    *probed("own", CHECKPOINTS),
    *probed("followed", CHECKPOINTS[:1]),
    *probed("followed", CHECKPOINTS[1:], DEEPEST),
    *probed("others", [LAST]),
    *probed("flow", ENDS, BRANCH_CHUNKS, REFERENCE),
    *(probed("own", [LAST], family=REFERENCE) if HAS["families"] else []),
    *(probed("factors", CHECKPOINTS) if SHAPES else []),
]


def enriched(own, given):
    """What only an enriched sample needs."""
    return given if sample_of(own.asked) == "enriched" else []


PROBE_FILES = {
    "activations": lambda own: [
        path for layer in ALL_CHUNKS[own.chunk] for path in activations(own.checkpoint, layer)
    ],
    "codes": lambda own: [
        path for features in asked(own.seed, own.asked, own.checkpoint) for path in codes(features)
    ],
    "images": lambda own: enriched(own, images(STUDIED)),
    # The features that some stand in place of tell what they are weighted as.
    "origins": lambda own: enriched(
        own,
        [
            f"{SEED}/features/{home(features)}.h5"
            for features in asked(own.seed, own.asked, own.checkpoint)
        ],
    ),
}


rule probe:
    input:
        **joined(PROBED, PROBE_FILES),
    output:
        of_a_job(f"{SEED}/vinfo/{{asked}}/{{checkpoint}}/{{family}}/{{chunk}}.h5", PROBED),
    log:
        log_of("probe", "seed", each=["asked", "checkpoint", "family", "chunk"]),
    priority: 1  # the longest job, and nearly all waits for it
    params:
        files=counted(PROBED, PROBE_FILES),
        probed=lambda w: [
            {
                "family": own.family,
                "settings": keys(
                    "probes", "folds", "seed", "memory_mb", *FAMILIES[own.family].settings
                ),
                "sample": sample_of(own.asked),
                "class_share": enriched(own, CONFIG.activations.class_share),
                "layers": ALL_CHUNKS[own.chunk],
                "features": asked(own.seed, own.asked, own.checkpoint),
            }
            for own in made_by(w, PROBED)
        ],
        studied=CONFIG.questions.images,
        digest=lambda w: source_digest(
            "probe.py",
            *(FAMILIES[name] for name in sorted({own.family for own in made_by(w, PROBED)})),
        ),
    message:
        f"Probing: seed {{wildcards.seed}}, {for_each(asked='kinds of features', checkpoint='checkpoints', family='families', chunk='layers')}"
    script:
        "../scripts/probe.py"
