from snakemake.utils import min_version

min_version("9.20")


# `snakemake --lint` has one thing to say, of files with rules and functions: a function that one stage alone uses stands
# beside its rules; what several use is in common.smk.
configfile: "config/config.yaml"


# What all jobs run in with --sdm apptainer (envs/README.md); without it, in the environment that Snakemake runs in.
container: "envs/strata.sif"


include: "workflow/rules/common.smk"
include: "workflow/rules/preflight.smk"
include: "workflow/rules/images.smk"


if epochs.trained_here(CONFIG.model):

    include: "workflow/rules/train.smk"

else:

    include: "workflow/rules/adopt.smk"


include: "workflow/rules/activations.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/controls.smk"
include: "workflow/rules/probes.smk"


if SHAPES:

    include: "workflow/rules/ground_truth.smk"


include: "workflow/rules/measures.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/page.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/crate.smk"
include: "workflow/rules/estimate.smk"
include: "workflow/rules/layers.smk"
include: "workflow/rules/compare.smk"


rule all:
    default_target: True
    input:
        of_a_run,
        rules.answer.output,
        rules.report.output,
        rules.explorer.output,
        rules.draw.output,
        rules.findings.output,
        rules.gather.output,
        rules.crate.output,
