"""Controls: other directions in place of a checkpoint's features, or other codes in place of the last ones'."""


rule control_directions:
    input:
        f"{SEED}/features/{{checkpoint}}.h5",
    output:
        f"{SEED}/features/{{control}}-{{checkpoint}}.h5",
    wildcard_constraints:
        control="|".join(DIRECTIONS),
    localrule: True
    params:
        seed=CONFIG.questions.seed,
        digest=lambda w: source_digest("control_directions.py", CONTROLS[w.control]),
    message:
        "Making other directions (control): seed {wildcards.seed}, {wildcards.control}, {wildcards.checkpoint}"
    script:
        "../scripts/control_directions.py"


rule control_codes:
    input:
        f"{SEED}/codes/{LAST}/{{shard}}.h5",
    output:
        f"{SEED}/codes/{{control}}/{{shard}}.h5",
    wildcard_constraints:
        control="|".join(control.name for control in CONTROLS.values() if control.codes),
    params:
        seed=CONFIG.questions.seed,
        digest=lambda w: source_digest("control_codes.py", CONTROLS[w.control]),
    message:
        "Making other codes (control): seed {wildcards.seed}, {wildcards.control}, {wildcards.shard}"
    script:
        "../scripts/control_codes.py"
