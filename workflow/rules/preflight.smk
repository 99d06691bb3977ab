"""What is done before the first job of a run and after its last one, on the machine that submits.

Before: what would stop it is told. Then, what makes the results is recorded beside them.
"""

from snakemake_interface_executor_plugins.settings import ExecMode

# What neither makes nor needs a run.
ALONE = {"preflight", "estimate", "layers", "compare"}


rule preflight:
    localrule: True
    message:
        "Checking images, network, memory and disk"
    script:
        "../scripts/preflight.py"


if workflow.exec_mode != ExecMode.DEFAULT and not ALONE & {
    target.rulename for target in workflow.dag_settings.target_jobs
}:
    with one_line():
        provenance.check_job(CONFIG, RUN)


def of_results():
    """Whether this Snakemake makes results."""
    return not ALONE >= {job.rule.name for job in workflow.dag.needrun_jobs(exclude_finished=False)}


def times():
    """Rule, start and end of every job that made what there is."""
    for job in workflow.dag.jobs:
        made = workflow.persistence.metadata(job.output[0]) if job.output else None
        if made and made.starttime and made.endtime:
            yield job.rule.name, made.starttime, made.endtime


def ended(outcome):
    if of_results():
        with one_line():
            provenance.end(RUN, times(), outcome=outcome)


onstart:
    if of_results():
        start.check(CONFIG, code=source_digest("preflight.py"))
        with one_line():
            provenance.begin(CONFIG, RUN)


onsuccess:
    ended("done")


onerror:
    ended("failed")
