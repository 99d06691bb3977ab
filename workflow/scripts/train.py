"""Train one network; what a killed run needs to go on is kept beside its checkpoints until it ends."""

import shutil
from importlib import import_module
from pathlib import Path

from strata import tables
from strata.config.check import checked
from strata.config.keys import Model, Training
from strata.job import job, seed_of
from strata.networks import slurm_job, train
from strata.networks.owner import owned

with job(snakemake.threads, snakemake.log[0]):
    p, wildcards = snakemake.params, snakemake.wildcards
    training, history = Training(**p.training), Path(snakemake.output.history)
    submitted = snakemake.config["training"]["launcher"] == "submitit"
    if not submitted:
        slurm_job.settle(training.threads)  # not snakemake.threads: fewer would change the sums
    # Where another workflow runs Strata, nothing is checked yet. Imported by name, and not told in params: what is
    # checked makes no checkpoint, and so must not train again.
    import_module("strata.start").check(checked(snakemake.config))
    state = history.with_name("training-state") / p.digest  # other code starts afresh
    arguments = {
        "shards": list(snakemake.input),
        "model": Model(**p.model),
        "training": training,
        "epochs_kept": p.epochs,
        "seed": seed_of(wildcards.seed),
        "state": str(state),
    }
    with owned(state.parent):  # until its checkpoints are where they belong
        if submitted:
            name = f"train-{snakemake.config['run']}-seed-{wildcards.seed}"
            table = slurm_job.train_as_job(arguments, dict(snakemake.resources.items()), name=name)
        else:
            table = train.train(**arguments)
        train.publish(state, snakemake.output.checkpoints)
        tables.write(history, table)
        shutil.rmtree(state.parent)
