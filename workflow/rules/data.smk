"""Images: listed once, decoded once, a shard a job."""


rule index:
    output:
        f"{RUN}/images/index.csv",
    params:
        **keys("data", "source", "path", "labels", "test_fraction", "shards", "seed"),
        shapes=SHAPES,
        digest=source_digest("index.py"),
    message:
        "Listing and splitting the images"
    script:
        "../scripts/index.py"


rule superclasses:
    input:
        images=rules.index.output[0],
        table=local(config["data"]["superclasses"] or []),  # no prefix for files of the user's
    output:
        f"{RUN}/images/superclasses.csv",
    params:
        digest=source_digest("superclasses.py"),
    message:
        "Checking the super-classes"
    script:
        "../scripts/superclasses.py"


rule images:
    input:
        rules.index.output,
    output:
        shard=f"{RUN}/images/{{shard}}.h5",
        skipped=f"{RUN}/images/{{shard}}-skipped.csv",
    params:
        **keys("data", "source", "path", "size", "resize", "on_bad_image"),
        shapes=SHAPES,
        digest=source_digest("images.py"),
    message:
        "Decoding the images of {wildcards.shard}"
    script:
        "../scripts/images.py"
