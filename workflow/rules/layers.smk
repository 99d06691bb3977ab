"""Layers: what the network has to choose from, printed before anything is run."""


rule layers:
    log:
        ".snakemake/strata/layers.log",
    localrule: True
    message:
        "Tracing the network"
    script:
        "../scripts/layers.py"
