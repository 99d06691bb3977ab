"""Checkpoints of a network that was trained elsewhere: files, or published weights."""

FILES = epochs.files(CONFIG.model.checkpoints) if CONFIG.model.checkpoints else {}


rule adopt:
    input:
        images=images(),
        files=local(list(FILES.values())),  # no prefix for files of the user's
    output:
        checkpoints=expand(
            f"{SEED}/checkpoints/{{checkpoint}}.pt",
            checkpoint=CHECKPOINTS,
            allow_missing=True,
        ),
        history=f"{SEED}/training.csv",
    log:
        log_of("adopt", "seed"),
    params:
        model=config["model"],
        files=FILES,
        epochs=EPOCHS,
        batch_size=CONFIG.activations.batch_size,
        digest=source_digest("adopt.py"),
    message:
        "Reading the checkpoints of a network that was trained elsewhere"
    script:
        "../scripts/adopt.py"
