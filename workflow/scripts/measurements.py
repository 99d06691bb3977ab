"""Gather what was measured of a population of features of one network: the tables that claims and figures rest on."""

from strata import tables
from strata.job import job, seed_of, split
from strata.measures.catalogue import MEASURES
from strata.measures.measurements import Files, tables_of_population

with job(snakemake.threads):
    p, i, w = snakemake.params, snakemake.input, snakemake.wildcards
    made = [measure for measure in MEASURES.values() if measure.of_nulls or w.population == "learned"]
    names = [table for measure in made for table in measure.tables]
    files = Files(
        features=dict(zip(p.epochs, p.features, strict=True)),
        dictionary=i.dictionary,
        passes=dict(zip(names, i.passes, strict=True)),
        codes=split(i.codes, p.epochs),
        own=split(i.own, p.epochs),
        followed=split(i.followed, p.followed),
        branches=i.branches,
        untrained=i.untrained,
        others=i.others,
        controls=p.controls,
        reference=i.reference,
    )
    seed = seed_of(w.seed)
    found = tables_of_population(files, seed, layers=p.layers, target=p.target, family=p.family)
    for name, path in snakemake.output.items():
        tables.write(path, found[name])
