"""Checkpoints: one training per seed."""

SUBMITTED = config["training"]["launcher"] == "submitit"


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
    localrule: SUBMITTED  # it only waits
    threads: 1 if SUBMITTED else config["training"]["threads"]
    params:
        model=config["model"],
        training={k: v for k, v in config["training"].items() if k != "launcher"},
        epochs=EPOCHS,
        digest=source_digest("train.py"),
    message:
        "Training seed {wildcards.seed}"
    script:
        "../scripts/train.py"
