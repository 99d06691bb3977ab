"""Gather what was measured of populations of features of one network: the tables that claims and figures rest on."""

from strata import tables
from strata.job import job, parts, seed_of, split
from strata.measures.catalogue import MEASURES
from strata.measures.measurements import Files, tables_of_population

with job(snakemake.threads, snakemake.log[0]):
    p, seed = snakemake.params, seed_of(snakemake.wildcards.seed)
    for n, (population, given) in enumerate(zip(p.populations, parts(snakemake.input, p.files), strict=True)):
        made = [measure for measure in MEASURES.values() if measure.of_nulls or population["name"] == "learned"]
        names = [table for measure in made for table in measure.written]
        epochs = population["epochs"]
        files = Files(
            features=dict(zip(epochs, population["features"], strict=True)),
            dictionary=given["dictionary"][0],
            passes=dict(zip(names, given["passes"], strict=True)),
            codes=split(given["codes"], epochs),
            own=split(given["own"], epochs),
            followed=split(given["followed"], p.followed),
            branches=given["branches"],
            untrained=given["untrained"],
            others=given["others"],
            controls=population["controls"],
            reference=given["reference"],
        )
        found = tables_of_population(files, seed, layers=p.layers, target=p.target, family=p.family)
        for name, paths in snakemake.output.items():
            tables.write(paths[n], found[name])
