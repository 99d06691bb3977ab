"""Write the explorer: one page in which every feature can be looked at."""

from strata.job import job, split
from strata.page.explorer import explore

with job(snakemake.threads, snakemake.log[0]):
    p, files = snakemake.params, dict(snakemake.input.items())
    codes = list(split(files.pop("codes"), p.seeds).values())
    explore(files, run=p.run, codes=codes, addresses=p.addresses, examples=p.examples, output=snakemake.output[0])
