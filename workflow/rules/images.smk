"""Images: listed once, decoded once, a shard a job."""


rule index:
    output:
        f"{RUN}/images/index.csv",
    params:
        **keys("data", "test_fraction", "shards", "seed"),
        given=keys("data", "source", "path", "labels"),
        shapes=SHAPES,
        digest=source_digest("index.py", SOURCE),
    message:
        "Listing and splitting the images"
    script:
        "../scripts/index.py"


rule superclasses:
    input:
        images=rules.index.output[0],
        table=local(CONFIG.data.superclasses or []),  # no prefix for files of the user's
    output:
        f"{RUN}/images/superclasses.csv",
    params:
        digest=source_digest("superclasses.py"),
    message:
        "Checking the super-classes"
    script:
        "../scripts/superclasses.py"


rule decode:
    input:
        rules.index.output,
    output:
        shard=f"{RUN}/images/{{shard}}.h5",
        skipped=f"{RUN}/images/{{shard}}-skipped.csv",
    params:
        **keys("data", "size", "resize", "on_bad_image"),
        given=keys("data", "source", "path"),
        shapes=SHAPES,
        seed=CONFIG.data.seed if SHAPES else None,
        digest=source_digest("decode.py", SOURCE),
    message:
        "Decoding the images of {wildcards.shard}"
    script:
        "../scripts/decode.py"
