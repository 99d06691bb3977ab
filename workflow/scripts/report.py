"""Let Snakemake write its report of all figures, from a Snakemake of its own.

It gets the configuration of this run whole, as a file, so that it plans exactly the same jobs.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from strata import store
from strata.errors import StrataError, one_line

with one_line(), tempfile.TemporaryDirectory() as folder:
    overlay = Path(folder) / "config.yaml"
    overlay.write_text(yaml.safe_dump(snakemake.config))
    unfinished = Path(folder) / "report.html"
    command = [sys.executable, "-m", "snakemake", "--snakefile", snakemake.params.snakefile]
    command += ["--configfile", str(overlay), "--cores", "1", "--nolock", "--quiet", "all"]
    command += ["--report", str(unfinished), "--", *snakemake.input]
    if subprocess.run(command).returncode:
        raise StrataError(f"{snakemake.output[0]}: Snakemake could not write its report; its own words are above")
    store.write_bytes(snakemake.output[0], unfinished.read_bytes())
