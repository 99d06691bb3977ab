"""Train one network; what a killed run needs to go on is kept beside its checkpoints until it ends."""

import shutil
from importlib import import_module
from pathlib import Path

from strata import launching, store, training
from strata.errors import one_line

with one_line():
    p, wildcards = snakemake.params, snakemake.wildcards
    history = Path(snakemake.output.history)
    submitted = snakemake.config["training"]["launcher"] == "submitit"
    if not submitted:
        launching.settle(p.training["threads"])  # not snakemake.threads: fewer would change the sums
    # Imported by name, and not told in params: what is checked makes no checkpoint, and so must not train again.
    import_module("strata.features").check(snakemake.config, snakemake.input)
    state = history.with_name("training-state") / p.digest  # other code starts afresh
    arguments = {
        "shards": list(snakemake.input),
        "model_config": p.model,
        "training": p.training,
        "epochs_kept": p.epochs,
        "seed": int(wildcards.seed),
        "state": str(state),
    }
    if submitted:
        name = f"train-{snakemake.config['run']}-seed-{wildcards.seed}"
        table = launching.train_as_job(arguments, dict(snakemake.resources.items()), name)
    else:
        table = training.train(**arguments)
    training.publish(state, snakemake.output.checkpoints)
    store.write_bytes(history, table.to_csv(index=False).encode())
    shutil.rmtree(state.parent)
