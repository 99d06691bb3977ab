"""Compare finished runs."""

from pathlib import Path

from strata.comparison.compare import compare
from strata.config.keys import Questions
from strata.job import job

with job(snakemake.threads, snakemake.log[0]):
    p = snakemake.params
    folders = {name: folder for name, (folder, _) in p.runs.items()}
    folder = Path(snakemake.output[0]).parent
    compare(folders, folder, settings=Questions(**p.settings), dpi=p.dpi)
