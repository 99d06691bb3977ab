"""Draw all figures, and write the numbers behind each."""

from pathlib import Path

from strata.figures.draw import draw
from strata.job import job

with job(snakemake.threads, snakemake.log[0]):
    p, i = snakemake.params, snakemake.input
    run = Path(snakemake.output[0]).parents[1]  # of <run>/figures/<name>.svg
    draw(
        dict(i.items()),
        settings=p.settings,
        seeds=p.seeds,
        dpi=p.dpi,
        width=p.width,
        run=run,
        processes=snakemake.threads,
    )
