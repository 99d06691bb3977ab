"""Preflight: what would stop a run, told before its first job, on the machine that submits."""

# What neither makes nor needs a run.
ALONE = {"preflight", "estimate", "layers", "compare"}


rule preflight:
    log:
        ".snakemake/strata/preflight.log",
    localrule: True
    message:
        "Checking images, network, memory and disk"
    script:
        "../scripts/preflight.py"


onstart:
    if {job.rule.name for job in workflow.dag.needrun_jobs()} - ALONE:
        start.tidy(RUN)
        start.check(CONFIG)
