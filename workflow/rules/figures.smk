"""The figures, each with the numbers behind it."""

from pathlib import Path

from strata import store


def figure(drawn):
    """A figure as an output that the report shows, with its caption, which the report wants to find in a file."""
    caption = Path(".snakemake", "strata", "captions", f"{drawn.name}.rst").absolute()
    told = f"{drawn.caption}\n`Every feature, in the explorer <explorer.html#{drawn.explorer}>`__\n"
    if not caption.exists() or caption.read_text() != told:
        store.write_bytes(caption, told.encode())
    return report(
        f"{RUN}/figures/{drawn.name}.svg",
        caption=str(caption) if workflow.current_basedir.is_local else None,
        category=drawn.question,
        labels={"figure": drawn.title},
    )


rule draw:
    input:
        **rules.gather.output,
        findings=rules.findings.output[0],
        history=each_seed(f"{SEED}/training.csv"),
        images=images(STUDIED),
        codes=expand(codes(LAST), seed=SHOWN_SEED),
        tree=expand(f"{SEED}/measured/learned/tree.csv", seed=SHOWN_SEED)[0],
        decoded=expand(rules.decoded.output, seed=SHOWN_SEED)[0],
        pictures=(
            expand(rules.visualise.output, seed=SHOWN_SEED) if CONFIG.questions.visualise else []
        ),
        stability_seeds=rules.seed_stability.output[0] if len(SEEDS) > 1 else [],
        superclasses=rules.superclasses.output[0] if HAS["superclasses"] else [],
    output:
        **{drawn.name: figure(drawn) for drawn in DRAWN},
        png=expand(f"{RUN}/figures/{{name}}.png", name=[drawn.name for drawn in DRAWN]),
        pdf=expand(f"{RUN}/figures/{{name}}.pdf", name=[drawn.name for drawn in DRAWN]),
        tables=expand(f"{RUN}/tables/{{name}}.csv", name=[drawn.name for drawn in DRAWN]),
    log:
        log_of("draw"),
    threads: 2
    params:
        settings={
            drawn.name: {argument: at(path) for argument, path in drawn.settings.items()}
            for drawn in DRAWN
        },
        seeds=SEEDS,
        dpi=CONFIG.figures.dpi,
        width=CONFIG.figures.width,
        called={
            **{control.name: control.about for control in CONTROLS.values()},
            **(
                {family.name: family.probe for family in FAMILIES.values()}
                if HAS["families"]
                else {}
            ),
        },
        digest=source_digest("draw.py", *DRAWN, *CONTROLS.values()),
    message:
        "Drawing the figures"
    script:
        "../scripts/draw.py"
