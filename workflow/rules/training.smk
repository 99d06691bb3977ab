"""Checkpoints: one training per seed."""


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
    threads: config["training"]["threads"]
    params:
        model=config["model"],
        training=config["training"],
        epochs=EPOCHS,
        digest=source_digest("train.py"),
    message:
        "Training seed {wildcards.seed}"
    script:
        "../scripts/train.py"
