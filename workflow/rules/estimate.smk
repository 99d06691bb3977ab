"""Costs: what the whole run would take, printed before anything is submitted."""


rule estimate:
    localrule: True
    message:
        "Estimating jobs, disk, time and memory"
    script:
        "../scripts/estimate.py"
