"""The report: Snakemake's own, of all figures."""

import os
from pathlib import Path


rule report:
    input:
        rules.figures.output,
    output:
        f"{RUN}/report.html",
    params:
        snakefile=os.path.relpath(workflow.main_snakefile),
        captions=sources.digest_of_files(
            sorted(Path(workflow.basedir, "workflow/report").glob("*.rst"))
        ),
    message:
        "Writing the report"
    script:
        "../scripts/report.py"
