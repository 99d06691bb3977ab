"""The claims, tested on what was measured."""


rule findings:
    input:
        **rules.gather.output,
        **rules.nulls.output,
        history=each_seed(f"{SEED}/training.csv"),
        skipped=expand(f"{RUN}/images/{{shard}}-skipped.csv", shard=SHARDS),
    output:
        f"{RUN}/findings.json",
        f"{RUN}/findings.md",
        left_out=f"{RUN}/left_out.json",
    log:
        log_of("findings"),
    params:
        run=CONFIG.run,
        left_out=LEFT_OUT,
        settings=config["questions"],
        layers=LAYERS,
        shapes=SHAPES,
        controls=[[c.id, c.about, c.claim, c.shows] for c in CONTROLS.values()],
        seeds=SEEDS,
        nulls={
            **{name: CONTROLS[name].about for name in DIRECTIONS},
            "untrained": "features of the untrained network",
            "shuffled-labels": "a network of shuffled labels",
        },
        digest=source_digest("findings.py", *CONTROLS.values()),
    message:
        "Testing the claims"
    script:
        "../scripts/findings.py"
