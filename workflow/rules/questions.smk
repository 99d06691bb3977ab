"""The four questions: the claims that are tested on what was measured, and the figures."""

FIGURES = {
    # name: (question, what the report calls it)
    "findings": ("Findings", "All claims, with their intervals"),
    "training": ("The network", "Loss and accuracy by epoch"),
    "q1_spectrum": ("1 What do features look like?", "The spectrum of complexity"),
    "q1_map": ("1 What do features look like?", "The map of features"),
    "q1_meta_features": ("1 What do features look like?", "Meta-features, simple to complex"),
    "q1_plate": ("1 What do features look like?", "Three features, decoded from three blocks"),
    "q2_emergence": ("2 When are they learned?", "Complexity against temporal decoding score"),
    "q2_deciles": ("2 When are they learned?", "V-information by epoch, simple to complex"),
    "q2_growth": ("2 When are they learned?", "Complexity by epoch"),
    "q2_sedimentation": ("2 When are they learned?", "The depth at which features are decodable"),
    "q3_flow": ("3 Where do they flow?", "Skip and main branch, simple to complex"),
    "q3_teleport": ("3 Where do they flow?", "The block at which the skip branch has it"),
    "q4_importance": ("4 How does complexity relate to importance?", "First and last epoch"),
    "q4_targets": ("4 How does complexity relate to importance?", "For other classes"),
    "q4_support": ("4 How does complexity relate to importance?", "Accuracy without some features"),
    "controls": ("Controls", "V-information by layer"),
    "a_map": ("Appendix", "The map, by complexity and by importance"),
    "a_dendrogram": ("Appendix", "The tree, by complexity and by importance"),
    "a_redundancy": ("Appendix", "Complexity against redundancy"),
    "a_robustness": ("Appendix", "Complexity against robustness to noise"),
    "a_local": ("Appendix", "Complexity against Hoyer sparsity"),
}
# Question 2 needs a network at several times of its training, question 3 residual blocks.
if not SERIES:
    FIGURES = {
        name: about for name, about in FIGURES.items() if name != "training" and name[:2] != "q2"
    }
if not BRANCHES:
    FIGURES = {name: about for name, about in FIGURES.items() if name[:2] != "q3"}
if FAMILY != "linear":
    FIGURES["families"] = ("Appendix", "Complexity under two predictive families")
SUPERCLASSES = []
if config["data"]["superclasses"]:
    FIGURES["a_superclasses"] = ("Appendix", "Super-classes")
    SUPERCLASSES = rules.superclasses.output
if SHAPES:
    FIGURES["ground_truth"] = ("Ground truth", "Known factors: complexity, emergence, reliance")
TRUTH = rules.truth.output if SHAPES else {}


def figure(name):
    """A figure as an output that the report shows."""
    category, title = FIGURES[name]
    return report(
        f"{RUN}/figures/{name}.svg",
        caption=f"../report/{name}.rst",
        category=category,
        labels={"figure": title},
    )


rule findings:
    input:
        **rules.measurements.output,
        **TRUTH,
        support=rules.support.output[0],
        history=expand(f"{SEED}/training.csv", seed=config["seeds"]),
        skipped=expand(f"{RUN}/images/{{shard}}-skipped.csv", shard=SHARDS),
    output:
        f"{RUN}/findings.json",
        f"{RUN}/findings.md",
    params:
        run=config["run"],
        left_out=LEFT_OUT,
        settings=config["questions"],
        layers=LAYERS,
        shapes=SHAPES,
        digest=source_digest("findings.py"),
    message:
        "Testing the claims"
    script:
        "../scripts/findings.py"


rule figures:
    input:
        **rules.measurements.output,
        **TRUTH,
        support=rules.support.output[0],
        findings=f"{RUN}/findings.json",
        history=expand(f"{SEED}/training.csv", seed=config["seeds"]),
        images=images(STUDIED),
        last_codes=expand(codes(LAST), seed=config["seeds"][:1]),
        tree=expand(rules.atlas.output.tree, seed=SHOWN_SEED),
        decoded=expand(rules.decoded.output, seed=SHOWN_SEED),
        pictures=pictures(),
        superclasses=SUPERCLASSES,
    output:
        **{name: figure(name) for name in FIGURES},
        png=expand(f"{RUN}/figures/{{name}}.png", name=FIGURES),
        tables=expand(f"{RUN}/tables/{{name}}.csv", name=FIGURES),
    params:
        figures=list(FIGURES),
        settings=config["figures"],
        questions=config["questions"],
        layers=LAYERS,
        shapes=SHAPES,
        digest=source_digest("figures.py"),
    message:
        "Drawing the figures"
    script:
        "../scripts/figures.py"
