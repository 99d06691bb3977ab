"""Let Snakemake write its report of all figures, from a Snakemake of its own.

It gets the configuration of this run whole, as a file, and the prefix of its results (where Strata is a module), so
that it plans exactly the same jobs; the four answers; and the record of what made the results, before its own end.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from strata import store
from strata.claims.answers import answers
from strata.claims.finding import Finding
from strata.errors import StrataError
from strata.job import job

with job(snakemake.threads, snakemake.log[0]), tempfile.TemporaryDirectory() as folder:
    p, i = snakemake.params, snakemake.input
    given = Path(folder) / "config.yaml"
    record = Path(snakemake.output[0]).with_name("provenance.json")  # which a module of another workflow has not
    made = yaml.safe_dump(json.loads(record.read_text()), sort_keys=False) if record.exists() else ""
    found, left_out = (json.loads(Path(path).read_text()) for path in (i.findings, i.left_out))
    told = [[a.asked, a.verdict, a.said] for a in answers([Finding(**f) for f in found], left_out)]
    about = {"prefix": p.prefix, "provenance": made, "answers": told}
    given.write_text(yaml.safe_dump({"strata": snakemake.config, **about}))
    unfinished = Path(folder) / "report.html"
    command = [sys.executable, "-m", "snakemake", "--snakefile", p.snakefile]
    command += ["--configfile", str(given), "--cores", "1", "--nolock", "--quiet", "all"]
    command += ["--report", str(unfinished), "--", *i.figures]
    if subprocess.run(command).returncode:
        raise StrataError(
            f"{snakemake.output[0]}: Snakemake could not write its report; {snakemake.log[0]} has its words"
        )
    store.write_bytes(snakemake.output[0], unfinished.read_bytes())
