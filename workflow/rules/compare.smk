"""The comparison: finished runs side by side. Do the conclusions travel?"""

from pathlib import Path

COMPARED = f"results/comparisons/{COMPARISON.comparison}"


def compared_runs(wildcards):
    """The runs that are compared, and a digest of each. They are no inputs, or Snakemake would make them."""
    from strata.comparison import runs  # which takes a second, and is needed here alone

    with one_line():
        results = Path(rules.compare.output[0]).parents[
            2
        ]  # of <results>/comparisons/<name>/scorecard.csv
        found = runs.found(COMPARISON.runs, results=results)
    return {name: [folder, runs.digest(folder)] for name, folder in found.items()}


rule compare:
    output:
        expand(f"{COMPARED}/{{name}}.{{kind}}", name="scorecard", kind=["csv", "md"]),
        expand(f"{COMPARED}/{{name}}.csv", name=["spectra", "matched"]),
        expand(
            f"{COMPARED}/figures/{{name}}.{{kind}}",
            name=["scorecard", "spectra", "matched"],
            kind=["svg", "pdf", "png"],
        ),
    log:
        f"{COMPARED}/compare.log",
    localrule: True
    params:
        runs=compared_runs,
        settings=keys("questions", "confidence"),
        dpi=CONFIG.figures.dpi,
        digest=source_digest("compare.py"),
    message:
        "Comparing runs"
    script:
        "../scripts/compare.py"
