from snakemake.utils import min_version

min_version("9.20")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"


if series.trained_here(config["model"]):

    include: "workflow/rules/training.smk"

else:

    include: "workflow/rules/adoption.smk"


include: "workflow/rules/activations.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/probes.smk"
include: "workflow/rules/redundancy.smk"
include: "workflow/rules/robustness.smk"
include: "workflow/rules/measurements.smk"
include: "workflow/rules/visualisation.smk"


if SHAPES:

    include: "workflow/rules/truth.smk"


include: "workflow/rules/questions.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/costs.smk"
include: "workflow/rules/layers.smk"


rule all:
    default_target: True
    input:
        f"{RUN}/report.html",
        rules.figures.output,
        rules.findings.output,
        rules.measurements.output,
