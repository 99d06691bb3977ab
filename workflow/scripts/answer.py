"""Write the page that answers the questions."""

from pathlib import Path

from strata import provenance, store
from strata.job import job
from strata.page import answer

with job(snakemake.threads, snakemake.log[0]):
    folder = Path(snakemake.input.findings).parent
    record = provenance.read(folder)  # which a module of another workflow has not
    page = answer.page(folder, snakemake.config, figures=snakemake.params.figures, record=record)
    store.write_bytes(snakemake.output[0], page.encode())
