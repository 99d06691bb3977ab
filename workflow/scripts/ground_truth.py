"""Gather what was measured of the known factors, of one seed."""

from strata import layers, tables
from strata.claims.ground_truth import tables_of_seed
from strata.job import job, split

with job(snakemake.threads, snakemake.log[0]):
    p, i = snakemake.params, snakemake.input
    vinfo = split(i.vinfo, p.epochs)
    found = tables_of_seed(
        vinfo,
        i.interventions[0],
        seed=int(snakemake.wildcards.seed),
        layers=layers.probed_layers(p.layers),
        codes=i.codes,
        calibration=vinfo[p.epochs[-1]],
        calibration_codes=i.calibration_codes,
    )
    for name, path in snakemake.output.items():
        tables.write(path, found[name])
