"""Let Snakemake write its report of all figures, from a Snakemake of its own.

It gets the configuration of this run whole, as a file, and the prefix of its results (where Strata is a module), so
that it plans exactly the same jobs.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from strata import store
from strata.errors import StrataError
from strata.job import job

with job(snakemake.threads, snakemake.log[0]), tempfile.TemporaryDirectory() as folder:
    p = snakemake.params
    given = Path(folder) / "config.yaml"
    given.write_text(yaml.safe_dump({"strata": snakemake.config, "prefix": p.prefix}))
    unfinished = Path(folder) / "report.html"
    command = [sys.executable, "-m", "snakemake", "--snakefile", p.snakefile]
    command += ["--configfile", str(given), "--cores", "1", "--nolock", "--quiet", "all"]
    command += ["--report", str(unfinished), "--", *snakemake.input]
    if subprocess.run(command).returncode:
        raise StrataError(
            f"{snakemake.output[0]}: Snakemake could not write its report; {snakemake.log[0]} has its words"
        )
    store.write_bytes(snakemake.output[0], unfinished.read_bytes())
