"""Costs: what the whole run would take, printed before anything is submitted."""


localrules:
    estimate,


rule estimate:
    message:
        "Estimating jobs, disk, time and memory"
    script:
        "../scripts/estimate.py"
