"""Robustness: how much of the last features' codes is left under noise on the images."""


rule robustness:
    input:
        images=images(STUDIED),
        features=f"{SEED}/features/{LAST}.h5",
        checkpoint=f"{SEED}/checkpoints/{LAST}.pt",
    output:
        f"{SEED}/robustness.csv",
    params:
        **keys("questions", "noise", "noise_images", "seed"),
        encoding=keys("codes", "tolerance", "max_iterations"),
        caching=keys("activations", "pool", "tokens", "batch_size"),
        model=config["model"],
        digest=source_digest("robustness.py"),
    message:
        "Encoding images under noise: seed {wildcards.seed}"
    script:
        "../scripts/robustness.py"
