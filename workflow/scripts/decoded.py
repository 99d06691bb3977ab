"""Decode three features of one seed from an early, a middle and the last block."""

from strata import tables
from strata.job import job, split
from strata.measures.decoded import decode_examples

with job(snakemake.threads, snakemake.log[0]):
    p, i = snakemake.params, snakemake.input
    decode_examples(
        split(i.activations, p.layers),
        i.codes,
        features=tables.read(i.features),
        folds=p.folds,
        penalties=p.penalties,
        seed=p.seed,
        studied=p.studied,
        output=snakemake.output[0],
    )
