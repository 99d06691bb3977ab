"""The pages that a reader opens."""

from strata import store


def page_files(*names):
    """A digest of files that a page is made with, which are no modules: Snakemake does not see them change."""
    return store.digest([(dependencies.PACKAGE / "page" / name).read_text() for name in names])


rule answer:
    input:
        images=rules.index.output[0],
        skipped=expand(f"{RUN}/images/{{shard}}-skipped.csv", shard=SHARDS),
        history=each_seed(f"{SEED}/training.csv"),
        features=rules.gather.output.features,
        findings=rules.findings.output[0],
        left_out=rules.findings.output.left_out,
        figures=rules.draw.output,
    output:
        f"{RUN}/index.html",
    log:
        log_of("answer"),
    params:
        figures=[drawn.name for drawn in DRAWN],
        told=store.digest(
            text
            for drawn in DRAWN
            for text in (drawn.question, drawn.title, drawn.caption, drawn.explorer)
        ),
        files=page_files("answer/answer.html.jinja", "answer/answer.css"),
        digest=source_digest("answer.py"),
    message:
        "Writing the page of answers"
    script:
        "../scripts/answer.py"


rule explorer:
    input:
        **{
            name: gathered(name)
            for name in ["features", "by_checkpoint", "decoding", "branch_cka", "control_vinfo"]
        },
        findings=rules.findings.output[0],
        images=images(STUDIED),
        codes=[path for seed in SEEDS for path in expand(codes(LAST), seed=seed)],
        dictionaries=each_seed(f"{SEED}/features/{LAST}.h5"),
        pictures=rules.draw.input.pictures,
    output:
        f"{RUN}/explorer.html",
    log:
        log_of("explorer"),
    params:
        run=CONFIG.run,
        seeds=SEEDS,
        examples=CONFIG.figures.examples,
        addresses={figure.name: figure.explorer for figure in FIGURES.values() if figure.explorer},
        files=page_files(
            *(
                f"explorer/{file.name}"
                for file in sorted((dependencies.PACKAGE / "page/explorer").iterdir())
            )
        ),
        digest=source_digest("explorer.py"),
    message:
        "Writing the explorer"
    script:
        "../scripts/explorer.py"
