"""Costs: what the whole run would take, printed before anything is submitted."""


rule estimate:
    log:
        ".snakemake/strata/estimate.log",
    localrule: True
    message:
        "Estimating jobs, disk, time and memory"
    script:
        "../scripts/estimate.py"
