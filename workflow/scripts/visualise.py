"""Picture the meta-features and the decoded directions of one seed."""

from strata import tables
from strata.config.keys import Model
from strata.job import job
from strata.measures.visualise import write_pictures

with job(snakemake.threads, snakemake.log[0]):
    p, i = snakemake.params, snakemake.input
    write_pictures(
        tables.read(i.features),
        i.dictionary,
        decoded=i.decoded,
        checkpoint=i.checkpoint,
        images=i.images,
        model=Model(**p.model),
        pool=p.pool,
        tokens=p.tokens,
        steps=p.steps,
        seed=p.seed,
        output=snakemake.output[0],
    )
