"""Ground truth, where images are made here: the known factors as codes, and what the network makes of them."""


rule factor_codes:
    input:
        images(STUDIED),
    output:
        factors=codes("factors"),
        calibration=codes("calibration"),
    log:
        log_of("factor_codes", "seed"),
    params:
        digest=source_digest("factor_codes.py"),
    message:
        "Writing the known factors as codes: seed {wildcards.seed}"
    script:
        "../scripts/factor_codes.py"


rule interventions:
    input:
        images=images(STUDIED),
        checkpoints=in_every_checkpoint(lambda checkpoint: [f"{SEED}/checkpoints/{checkpoint}.pt"]),
    output:
        f"{SEED}/interventions.csv",
    log:
        log_of("interventions", "seed"),
    params:
        **keys("data", "size", "seed"),
        model=config["model"],
        epochs=EPOCHS,
        digest=source_digest("interventions.py"),
    message:
        "Changing one known factor at a time: seed {wildcards.seed}"
    script:
        "../scripts/interventions.py"


rule ground_truth:
    input:
        interventions=rules.interventions.output,
        vinfo=in_every_checkpoint(lambda checkpoint: vinfo("factors", checkpoint)),
        codes=codes("factors"),
        calibration_codes=codes("calibration"),
    output:
        factor_errors=f"{SEED}/tables/factor_errors.csv",
        calibration_errors=f"{SEED}/tables/calibration_errors.csv",
        interventions=f"{SEED}/tables/interventions.csv",
    log:
        log_of("ground_truth", "seed"),
    params:
        epochs=EPOCHS,
        layers=LAYERS,
        digest=source_digest("ground_truth.py"),
    message:
        "Gathering what was measured of the known factors: seed {wildcards.seed}"
    script:
        "../scripts/ground_truth.py"
