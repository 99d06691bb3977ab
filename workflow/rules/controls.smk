"""Controls: other directions in place of a checkpoint's features, or other codes in place of the last ones'."""

OF_CHECKPOINTS = combined(checkpoint=CHECKPOINTS)


rule control_directions:
    input:
        lambda w: [f"{SEED}/features/{own.checkpoint}.h5" for own in made_by(w, OF_CHECKPOINTS)],
    output:
        of_a_job(f"{SEED}/features/{{control}}-{{checkpoint}}.h5", OF_CHECKPOINTS),
    log:
        log_of("control_directions", "seed", "control", each=["checkpoint"]),
    wildcard_constraints:
        control="|".join(DIRECTIONS),
    localrule: True
    params:
        seed=CONFIG.questions.seed,
        digest=lambda w: source_digest("control_directions.py", CONTROLS[w.control]),
    message:
        f"Making other directions (control): seed {{wildcards.seed}}, {{wildcards.control}}, {for_each(checkpoint='checkpoints')}"
    script:
        "../scripts/control_directions.py"


rule control_codes:
    input:
        codes(LAST),
    output:
        codes("{control}"),
    log:
        log_of("control_codes", "seed", "control"),
    wildcard_constraints:
        control="|".join(control.name for control in CONTROLS.values() if control.codes),
    priority: 1  # probes wait for it, for which all else waits
    params:
        seed=CONFIG.questions.seed,
        digest=lambda w: source_digest("control_codes.py", CONTROLS[w.control]),
    message:
        "Making other codes (control): seed {wildcards.seed}, {wildcards.control}"
    script:
        "../scripts/control_codes.py"
