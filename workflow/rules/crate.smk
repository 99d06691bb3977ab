"""The run as other tools read it: an RO-Crate."""

from pathlib import Path


rule crate:
    input:
        rules.answer.output,
        rules.report.output,
        rules.explorer.output,
        rules.draw.output,
        rules.findings.output,
        rules.gather.output,
    output:
        crate=f"{RUN}/ro-crate-metadata.json",
        snakefile=f"{RUN}/workflow/Snakefile",
        config=f"{RUN}/workflow/config.yaml",
    log:
        log_of("crate"),
    localrule: True
    params:
        snakefile=Path(workflow.source_path("../../Snakefile")).read_text(),
        digest=source_digest("crate.py"),
    message:
        "Describing the run as an RO-Crate"
    script:
        "../scripts/crate.py"
