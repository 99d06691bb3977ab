"""Checkpoints: one training a seed."""

SUBMITTED = CONFIG.training.launcher == "submitit"


rule train:
    input:
        images(),
    output:
        checkpoints=expand(
            f"{SEED}/checkpoints/{{checkpoint}}.pt",
            checkpoint=CHECKPOINTS,
            allow_missing=True,
        ),
        history=f"{SEED}/training.csv",
    log:
        log_of("train", "seed"),
    localrule: SUBMITTED  # it only waits
    threads: 1 if SUBMITTED else CONFIG.training.threads
    params:
        model=config["model"],
        training=lambda w: {
            **{key: value for key, value in config["training"].items() if key != "launcher"},
            "shuffle_labels": CONFIG.training.shuffle_labels or w.seed in SHUFFLED,
        },
        epochs=EPOCHS,
        digest=source_digest("train.py"),
    message:
        "Training seed {wildcards.seed}"
    script:
        "../scripts/train.py"
