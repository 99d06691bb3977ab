"""What is done before the first job of a run and after its last one, on the machine that submits.

Before: what would stop it is told. Then, what makes the results is recorded beside them.
"""

from snakemake_interface_executor_plugins.settings import ExecMode

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


# What this Snakemake makes, once it has begun: the folder of the run.
BEGUN = []


if workflow.exec_mode == ExecMode.REMOTE:
    with one_line():
        provenance.check_job(CONFIG, RUN)


def times():
    """Rule, start and end of every job that made what there is."""
    workflow.persistence.deactivate_cache()  # or it knows only what was made before
    for job in workflow.dag.jobs:
        made = workflow.persistence.metadata(job.output[0]) if job.output else None
        if made and made.starttime and made.endtime:
            yield job.rule.name, made.starttime, made.endtime


def ended(outcome):
    with one_line():
        for folder in BEGUN:
            provenance.end(folder, times(), outcome=outcome)


onstart:
    if {job.rule.name for job in workflow.dag.needrun_jobs()} - ALONE:
        start.tidy(RUN)
        start.check(CONFIG)
        with one_line():
            provenance.begin(CONFIG, RUN)
        BEGUN.append(RUN)


onsuccess:
    ended("done")


onerror:
    ended("failed")
