"""Ground truth, where images are made here: the true factors as codes, and what the network makes of them."""


rule truth_codes:
    input:
        f"{RUN}/images/{{shard}}.h5",
    output:
        f"{SEED}/codes/truth/{{shard}}.h5",
    params:
        digest=source_digest("truth_codes.py"),
    message:
        "Writing the true factors as codes: seed {wildcards.seed}, {wildcards.shard}"
    script:
        "../scripts/truth_codes.py"


rule swaps:
    input:
        images=images(STUDIED),
        checkpoints=expand(
            f"{SEED}/checkpoints/{{checkpoint}}.pt", checkpoint=CHECKPOINTS, allow_missing=True
        ),
    output:
        f"{SEED}/swaps.csv",
    params:
        **keys("data", "size", "seed"),
        model=config["model"],
        epochs=EPOCHS,
        digest=source_digest("swaps.py"),
    message:
        "Swapping true factors: seed {wildcards.seed}"
    script:
        "../scripts/swaps.py"


rule truth:
    input:
        swaps=expand(rules.swaps.output, seed=config["seeds"]),
        vinfo=expand(
            [path for checkpoint in CHECKPOINTS for path in vinfo("truth", checkpoint, CHUNKS)],
            seed=config["seeds"],
        ),
        codes=expand(codes("truth"), seed=config["seeds"][:1]),
    output:
        truth_errors=f"{RUN}/tables/truth_errors.csv",
        truth_swaps=f"{RUN}/tables/truth_swaps.csv",
    params:
        seeds=config["seeds"],
        epochs=EPOCHS,
        layers=LAYERS,
        digest=source_digest("truth.py"),
    message:
        "Gathering what was measured of the true factors"
    script:
        "../scripts/truth.py"
