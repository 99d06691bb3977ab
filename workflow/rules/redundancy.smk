"""Redundancy: how much of the last features random subsets of penultimate units tell."""


rule redundancy:
    input:
        activations=activations(LAST, names.PENULTIMATE),
        codes=codes(LAST),
    output:
        f"{SEED}/redundancy.csv",
    params:
        **keys("probes", "folds", "penalties", "seed", "memory_mb"),
        **config["questions"]["redundancy"],
        subset_seed=config["questions"]["seed"],
        digest=source_digest("redundancy.py"),
    message:
        "Probing random subsets of units: seed {wildcards.seed}"
    script:
        "../scripts/redundancy.py"
