"""Images: listed once, decoded once, in shards."""

DECODED = combined(shard=SHARDS)


rule index:
    output:
        f"{RUN}/images/index.csv",
    log:
        log_of("index"),
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
    log:
        log_of("superclasses"),
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
        shards=of_a_job(f"{RUN}/images/{{shard}}.h5", DECODED),
        skipped=of_a_job(f"{RUN}/images/{{shard}}-skipped.csv", DECODED),
    log:
        log_of("decode", each=["shard"]),
    params:
        **keys("data", "size", "resize", "on_bad_image"),
        shards=lambda w: [SHARDS.index(own.shard) for own in made_by(w, DECODED)],
        given=keys("data", "source", "path"),
        shapes=SHAPES,
        seed=CONFIG.data.seed if SHAPES else None,
        digest=source_digest("decode.py", SOURCE),
    message:
        f"Decoding the images of {for_each(shard='shards')}"
    script:
        "../scripts/decode.py"
