"""What is done before the first job of a run and after its last one, on the machine that submits.

Before: what would stop it is told. Then, what makes the results is recorded beside them.
"""

import sys
from collections import Counter

from snakemake_interface_executor_plugins.settings import ExecMode

from strata import array_task
from strata.console import plan

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
    array_task.take_own_job(sys.argv)
    with one_line():
        provenance.check_job(CONFIG, RUN)


def times():
    """Rule, start and end of every job that made what there is."""
    workflow.persistence.deactivate_cache()  # or it knows only what was made before
    for job in workflow.dag.jobs:
        made = workflow.persistence.metadata(job.output[0]) if job.output else None
        if made and made.starttime and made.endtime:
            yield job.rule.name, made.starttime, made.endtime


def tell_of_upgrade(jobs):
    """Say what reruns, and why, before it does, where another version made what there is."""
    with one_line():
        told = provenance.upgraded(RUN)
    if told:
        counts = Counter(job.rule.name for job in jobs)
        reasons = {job.rule.name: str(workflow.dag.reason(job)) for job in reversed(jobs)}
        print(f"{told}; what runs now, and why:\n{plan(counts, reasons)}", file=sys.stderr)


def ended(outcome):
    with one_line():
        for folder in BEGUN:
            provenance.end(folder, times(), outcome=outcome)


onstart:
    needed = [job for job in workflow.dag.needrun_jobs() if job.rule.name != "all"]
    if {job.rule.name for job in needed} - ALONE:
        tell_of_upgrade(needed)
        start.tidy(RUN)
        start.check(CONFIG)
        with one_line():
            provenance.begin(CONFIG, RUN)
        BEGUN.append(RUN)


onsuccess:
    ended("done")


onerror:
    ended("failed")
