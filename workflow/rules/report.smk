"""The report: Snakemake's own, of all figures."""

import os
from pathlib import Path

REPORTED = Path(workflow.current_basedir.get_path_or_uri(secret_free=True), "../report/Snakefile")


rule report:
    input:
        figures=rules.draw.output,
        findings=rules.findings.output[0],
        left_out=rules.findings.output.left_out,
    output:
        f"{RUN}/report.html",
    log:
        log_of("report"),
    params:
        snakefile=os.path.relpath(REPORTED),
        prefix=lambda w, output: output[0].removesuffix(f"{RUN}/report.html"),
        captions=store.digest(
            [drawn.caption + drawn.explorer for drawn in DRAWN]
            + [Path(REPORTED).with_name("workflow.rst").read_text()]
        ),
        digest=source_digest("report.py"),
    message:
        "Writing the report"
    script:
        "../scripts/report.py"
