"""Picture the meta-features and the decoded directions of one seed."""

import pandas as pd
import torch

from strata import visualisation
from strata.errors import one_line

with one_line():
    p, i = snakemake.params, snakemake.input
    torch.set_num_threads(snakemake.threads)
    table = pd.read_csv(i.table)
    visualisation.write_pictures(
        table[table["seed"] == int(snakemake.wildcards.seed)],
        i.features,
        i.decoded,
        i.checkpoint,
        i.images,
        p.model,
        p.pooling,
        p.visualise_steps,
        p.seed,
        snakemake.output[0],
    )
