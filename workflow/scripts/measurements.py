"""Gather what was measured of every feature of one seed: the tables that claims and figures rest on."""

from strata import tables
from strata.claims.controls import CONTROLS
from strata.job import job, split
from strata.measures.catalogue import MEASURES
from strata.measures.measurements import Files, tables_of_seed

with job(snakemake.threads):
    p, i = snakemake.params, snakemake.input
    names = [table for measure in MEASURES.values() for table in measure.tables]
    files = Files(
        dictionary=i.dictionary,
        passes=dict(zip(names, i.passes, strict=True)),
        codes=split(i.codes, p.epochs),
        last_in_all=split(i.last_in_all, p.epochs),
        afresh=split(i.afresh, p.epochs),
        branches=i.branches,
        controls=split(i.controls, CONTROLS),
        reference=i.reference,
    )
    seed = int(snakemake.wildcards.seed)
    found = tables_of_seed(files, seed, layers=p.layers, target=p.target, family=p.family)
    for name, path in snakemake.output.items():
        tables.write(path, found[name])
